import Configuration
import AWS
import Crypto
import HTTP
import HTTPServer
import Registry
import Transport

/// The upstream half of an exchange: the request goes there with a good token, as often as it takes to be taken, and the answer
/// comes back. What the client sees of an expired token is a request that took a moment longer.
final class Forwarding {
    let exchange: Exchange
    let call: Call
    let route: Route
    let site: Site

    /// The body as a replay would send it: whole when it was read before sending, or what has gone out so far while that is little.
    var kept: [UInt8]? = []
    /// All of the body is in `kept`; nothing more is to be read from the client.
    var isWhole = false
    /// Tokens up to this generation have been refused.
    private var refusedGeneration = 0
    /// The repository has been made for this request, or could not be.
    var hasCreated = false
    /// Where the body of a blob in one POST goes, by PUT.
    var session: [UInt8]?
    private var attempts = 0
    /// Of the request's body, what has been sent in this attempt.
    var payload = 0
    /// HEAD of the blob was answered with a redirect.
    var headIsRedirected = false
    /// An idle connection has turned out to be closed: the others may be so too.
    private var needsFresh = false
    /// Of the blob that is asked for; nil: something else is asked for.
    let delivery: BlobDelivery?

    /// A stale connection, a refused token, and each once more; past that the upstream's own answer or a 502 is the truth.
    private static let maxAttempts = 5
    /// Manifests up to ECR's own limit (ECR 1.3) are read before they are sent, so that they can be replayed.
    static let maxManifest = 4 << 20
    /// How long a request waits for a token when there is none, or for a newer one (design section 3, step 6).
    private static let tokenWait = Duration.seconds(10)

    init(_ exchange: Exchange, call: Call, route: Route, site: Site) {
        (self.exchange, self.call, self.route, self.site) = (exchange, call, route, site)
        delivery = call.operation == .blobGet ? BlobDelivery() : nil
    }

    var request: Request { exchange.request }
    var bench: Bench { exchange.bench }
    var scratch: UnsafeMutableRawBufferPointer { request.connection.scratch }
    var isMonolithic: Bool { call.operation == .uploadStart && call.isMonolithic && request.head.framing != .none }
    var isToHead: Bool { request.method == .head && !isProbe }
    var isProbe: Bool { call.operation == .blobHead && (route.upstream.refusesHeadOfBlobs || headIsRedirected) }
    var relay: Relay { Relay(request: request, stallTimeout: site.timeouts.stall) }

    func run() async throws {
        try checkChunk()
        try await readManifest()
        if isMonolithic, let digest = call.digest, let repository = route.upstreamRepository {
            session = try await openSession(for: digest.bytes, in: repository)
        }
        while attempts < Self.maxAttempts {
            attempts += 1
            guard !request.connection.isAbandoned else { throw Self.abandoned }
            let token = try await token()
            if needsProof, try await isRefused(token) {
                try refused(token, .expired)
                continue
            }
            let upstream = try await connect(fresh: needsFresh)
            let outcome: Outcome
            do { outcome = try await attempt(on: upstream, token: token) } catch {
                // Here it is still this exchange's own.
                upstream.stream.close()
                guard let broken = error as? RelayError, await heals(broken, of: upstream) else { throw error }
                continue
            }
            switch outcome {
            case .answered: return
            case .again: continue
            case .tokenRefused(let reason): try refused(token, reason)
            case .redirect(let there, let digest): if try await download(digest, from: there) { return }
            case .failed(let status, let body, let retryAfter):
                if try await standIn(forStatus: status, body) { return }
                throw refusal(status, body, retryAfter: retryAfter)
            }
        }
        throw Refusal(.unavailable, "The upstream registry keeps refusing the gateway's token.", status: 502, retryAfter: 30)
    }

    /// true: the client has the blob. false: its rest, or all of it, is to be asked for anew.
    private func download(_ digest: Digest, from there: Redirect) async throws -> Bool {
        let download = Download(exchange, digest: digest, site: site, delivery: delivery ?? BlobDelivery(), isProbe: isProbe)
        do {
            if try await download.run(from: there) { return true }
            replayed(.expiredURL)
        } catch let error as RelayError { guard await resumes(after: error) else { throw error } }
        return false
    }

    /// The connection to the registry broke: whether the request, or what is left of its answer, is worth another one.
    private func heals(_ error: RelayError, of upstream: UpstreamConnection) async -> Bool {
        // ECR 1.5: a reset on a reused connection says that it had been closed before the request came. A chunk of an upload is not
        // sent twice: the upstream may have taken it.
        let wasStale = upstream.isReused && !upstream.hasAnswered && error.side == .upstream && !error.isStall
        guard wasStale, !exchange.hasAnswered, canReplay, request.method.isIdempotent || request.method == .post else {
            return await resumes(after: error)
        }
        replayed(.staleConnection)
        needsFresh = true
        return true
    }

    /// The transfer of a blob broke on the upstream's side: the rest of it is asked for, after a moment.
    private func resumes(after error: RelayError) async -> Bool {
        guard error.side == .upstream, call.operation == .blobGet, exchange.hasAnswered || !error.isStall,
            !request.connection.isAbandoned, let pause = delivery?.pauseBeforeResuming(hasAnswered: exchange.hasAnswered)
        else { return false }
        await request.connection.stream.loop.sleep(for: pause)
        replayed(.resumed)
        (attempts, needsFresh) = (0, true)
        return true
    }

    func replayed(_ reason: ReplayReason) {
        exchange.record.replays += 1
        bench.replayed(route.upstream, reason)
    }

    private static let abandoned = RelayError(
        side: .client, cause: TransportError(.cancelled, call: "forward", reason: "the gateway is stopping"))

    /// A manifest is read first: it is small, and with it in hand every refusal can be healed.
    private func readManifest() async throws {
        if request.head.framing == .none {
            isWhole = true
            return
        }
        guard case .manifest = call.endpoint else { return }
        if case .length(let count) = request.head.framing, count > Self.maxManifest { return }
        var body: [UInt8] = []
        do {
            while case let piece = try await request.read(upTo: scratch.count), !piece.isEmpty {
                body += piece
                if body.count > Self.maxManifest { break }
            }
        } catch { throw RelayError(side: .client, cause: error) }
        isWhole = !request.hasUnreadBody
        kept = body
    }

    /// Of the manifest that is being pushed.
    var manifestDigest: [UInt8]? {
        guard isWhole, let kept else { return nil }
        return Self.digest(of: kept)
    }

    static func digest(of bytes: [UInt8]) -> [UInt8] {
        Array("sha256:".utf8) + Hexadecimal.bytes(of: SHA256.digest(of: bytes))
    }

    var canReplay: Bool { isWhole || kept != nil }

    // MARK: Token and connection

    func token() async throws -> AuthorizationToken {
        if let token = bench.token(of: route.upstream), token.generation > refusedGeneration { return token }
        guard let token = await route.upstream.keeper.token(newerThan: refusedGeneration, within: Self.tokenWait) else {
            throw Refusal(
                .unavailable,
                "The gateway has no valid token for the upstream registry; its operator finds the cause in /readyz and the log.",
                retryAfter: 5)
        }
        return token
    }

    func connect(fresh: Bool) async throws -> UpstreamConnection {
        do {
            let upstream = try await bench.pool.take(
                route.upstream.origin, timeouts: site.timeouts, waiter: request.connection.stream.waiter, fresh: fresh)
            upstream.begin()
            return upstream
        } catch let error as TransportError {
            guard error.kind != .cancelled else { throw RelayError(side: .client, cause: error) }
            exchange.record.end = "upstream_unreachable"
            exchange.record.reason = "\(error)"
            throw Refusal(
                .unavailable, "The upstream registry cannot be reached.", status: error.kind == .timedOut ? 504 : 502, retryAfter: 5
            )
        }
    }

    /// The next token must be a newer one.
    func note(_ token: AuthorizationToken, refusedAs reason: TokenRefusal.Reason) {
        refusedGeneration = max(refusedGeneration, token.generation)
        replayed(ReplayReason(reason))
    }

    /// Notes it, and ends the exchange where the request cannot be sent again.
    func refused(_ token: AuthorizationToken, _ reason: TokenRefusal.Reason) throws {
        note(token, refusedAs: reason)
        guard !canReplay else { return }
        request.closeAfterResponse()
        // Clients try again after 503, and not after ECR's 403 (ECR 6).
        throw Refusal(.unavailable, "The registry's token was renewed in the middle of this upload; send it again.", retryAfter: 1)
    }
}
