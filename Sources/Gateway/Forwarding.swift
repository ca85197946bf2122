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
    private var kept: [UInt8]? = []
    /// All of the body is in `kept`; nothing more is to be read from the client.
    var isWhole = false
    /// Tokens up to this generation have been refused.
    private var refusedGeneration = 0
    /// The repository has been made for this request, or could not be.
    private var hasCreated = false
    /// Where the body of a blob in one POST goes, by PUT.
    private var session: [UInt8]?
    private var attempts = 0
    /// Of the request's body, what has been sent in this attempt.
    private(set) var payload = 0
    /// An idle connection has turned out to be closed: the others may be so too.
    private var needsFresh = false
    let delivery = BlobDelivery()

    /// A stale connection, a refused token, and each once more; past that the upstream's own answer or a 502 is the truth.
    private static let attemptsAtMost = 5
    /// Manifests up to ECR's own limit (wire 1.3) are read before they are sent, so that they can be replayed.
    static let manifestAtMost = 4 << 20
    /// How long a request waits for a token when there is none, or for a newer one (design section 3, step 6).
    private static let tokenWait = Duration.seconds(10)

    init(_ exchange: Exchange, call: Call, route: Route, site: Site) {
        (self.exchange, self.call, self.route, self.site) = (exchange, call, route, site)
    }

    var request: Request { exchange.request }
    var bench: Bench { exchange.bench }
    var scratch: UnsafeMutableRawBufferPointer { request.connection.scratch }
    private var isMonolithic: Bool { call.operation == .uploadStart && call.isMonolithic && request.head.framing != .none }
    private var isToHead: Bool { request.method == .head && !isProbe }
    var isProbe: Bool { call.operation == .blobHead && route.upstream.refusesHeadOfBlobs }
    var relay: Relay { Relay(request: request, stallTimeout: site.timeouts.stall) }

    func run() async throws {
        try checkChunk()
        try await readManifest()
        if isMonolithic, let digest = call.target.parameter("digest"), let repository = route.upstreamRepository {
            session = try await openSession(for: digest, in: repository)
        }
        while attempts < Self.attemptsAtMost {
            attempts += 1
            guard !request.connection.isAbandoned else { throw Self.abandoned }
            let token = try await token()
            if needsProof, try await isRefused(token) {
                try refused(token, .expired)
                continue
            }
            let upstream = try await connect(fresh: needsFresh)
            let redirect: (Redirect, Digest)
            do {
                switch try await attempt(on: upstream, token: token) {
                case .answered: return
                case .again: continue
                case .redirect(let there, let digest): redirect = (there, digest)
                }
            } catch let error as RelayError {
                upstream.stream.close()
                guard try await heals(error, of: upstream) else { throw error }
                continue
            } catch {
                upstream.stream.close()
                throw error
            }
            do {
                let download = Download(exchange, digest: redirect.1, site: site, delivery: delivery, isProbe: isProbe)
                if try await download.run(from: redirect.0) { return }
                replayed(.expiredURL)
            } catch let error as RelayError { guard await resumes(after: error) else { throw error } }
        }
        throw Refusal(.unavailable, "The upstream registry keeps refusing the gateway's token.", status: 502, retryAfter: 30)
    }

    /// The connection to the registry broke: whether the request, or what is left of its answer, is worth another one.
    private func heals(_ error: RelayError, of upstream: UpstreamConnection) async throws -> Bool {
        if await resumes(after: error) { return true }
        // wire 1.5: a reset on a reused connection says that it had been closed before the request came. A chunk of an upload is not
        // sent twice: the upstream may have taken it.
        let wasStale = upstream.isReused && !upstream.hasAnswered && error.side == .upstream && !error.isStall
        guard wasStale, !exchange.hasAnswered, canReplay, request.method.isIdempotent || request.method == .post else {
            return false
        }
        replayed(.staleConnection)
        needsFresh = true
        return true
    }

    /// The transfer of a blob broke on the upstream's side: the rest of it is asked for, after a moment.
    private func resumes(after error: RelayError) async -> Bool {
        guard error.side == .upstream, call.operation == .blobGet, exchange.hasAnswered || !error.isStall,
            !request.connection.isAbandoned, let pause = delivery.pauseBeforeResuming(hasAnswered: exchange.hasAnswered)
        else { return false }
        await request.connection.stream.loop.sleep(for: pause)
        replayed(.resumed)
        (attempts, needsFresh) = (0, true)
        return true
    }

    private func replayed(_ reason: ReplayReason) {
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
        if case .length(let count) = request.head.framing, count > Self.manifestAtMost { return }
        var body: [UInt8] = []
        do {
            while case let piece = try await request.read(upTo: scratch.count), !piece.isEmpty {
                body += piece
                if body.count > Self.manifestAtMost { break }
            }
        } catch { throw RelayError(side: .client, cause: error) }
        exchange.record.received += body.count
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

    private var canReplay: Bool { isWhole || kept != nil }

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
            let upstream = try await bench.pool.take(route.upstream.origin, waiter: request.connection.stream.waiter, fresh: fresh)
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

    // MARK: One attempt

    enum Outcome {
        /// The client has its answer.
        case answered
        /// The same request again: what stood in its way has been dealt with.
        case again
        /// The blob is elsewhere.
        case redirect(Redirect, Digest)
    }

    private func attempt(on upstream: UpstreamConnection, token: AuthorizationToken) async throws -> Outcome {
        try await send(on: upstream, token: token)
        do {
            try await upstream.readHead(toHead: isToHead, scratch: scratch, timeout: site.timeouts.response)
        } catch { throw RelayError(side: .upstream, cause: error) }

        let (reason, body) = try await judge(upstream, token)
        if let reason {
            await dispose(upstream)
            try refused(token, reason)
            return .again
        }
        bench.tokenServed(route.upstream)
        if upstream.head.status == 404, let creation, try await create(by: creation) {
            await dispose(upstream)
            return .again
        }
        if let redirect = try redirect(upstream.head) {
            await dispose(upstream)
            return redirect
        }
        if isProbe {
            let status = upstream.head.status
            if [200, 206, 416].contains(status), case .blob(_, let digest) = call.endpoint {
                try await BlobProbe(exchange: exchange, digest: digest, site: site).tell(by: upstream)
                return .answered
            }
            await dispose(upstream)
            switch status {
            case 404: throw Refusal(.blobUnknown, "The upstream registry does not have this blob.")
            case 429: throw Refusal(.tooManyRequests, "The upstream registry is asked too often.", retryAfter: 1)
            case 401, 403: throw Refusal(.denied, "The upstream registry does not give this blob to the gateway.")
            default:
                throw Refusal(.unavailable, "The upstream registry answered with status \(status).", status: 502, retryAfter: 1)
            }
        }
        if upstream.head.status >= 400, request.method != .head {
            let body = try await errorBody(of: upstream, collected: body)
            if try await standIn(forStatus: upstream.head.status, body) { return .answered }
            throw refusal(upstream.head.status, body, retryAfter: upstream.retryAfter)
        }
        try await pass(upstream, body: try await manifestToName(upstream, body: body))
        return .answered
    }

    /// How the repository that this push misses is made; nil when it is not to be, or has been.
    var creation: Upstream.Creation? {
        guard call.operation == .uploadStart || call.operation == .manifestPut, canReplay || isMonolithic, !hasCreated,
            let creation = route.upstream.creation,
            let repository = route.upstreamRepository, creation.match.contains(where: { $0.matches(repository.bytes) })
        else { return nil }
        return creation
    }

    /// true: it is there now. false: it could not be made, and the upstream's own answer says what the client needs to know.
    func create(by creation: Upstream.Creation) async throws -> Bool {
        hasCreated = true
        do throws(AWSError) {
            try await creation.creator.create(route.upstreamRepository?.description ?? "")
        } catch {
            exchange.record.reason = "\(error)"
            return false
        }
        replayed(.repositoryCreated)
        return true
    }

    /// The next token must be a newer one.
    func note(_ token: AuthorizationToken, refusedAs reason: TokenRefusal.Reason) {
        refusedGeneration = max(refusedGeneration, token.generation)
        replayed(ReplayReason(reason))
    }

    /// Notes it, and ends the exchange where the request cannot be sent again.
    private func refused(_ token: AuthorizationToken, _ reason: TokenRefusal.Reason) throws {
        note(token, refusedAs: reason)
        guard !canReplay else { return }
        request.closeAfterAnswer()
        // Clients try again after 503, and not after ECR's 403 (wire 6).
        throw Refusal(.unavailable, "The registry's token was renewed in the middle of this upload; send it again.", retryAfter: 1)
    }

    /// Where the blob of a mount is upstream; nil when it is at another one.
    private var mountSource: Repository? {
        guard let source = call.mountSource else { return nil }
        guard let there = site.router.route(host: exchange.record.host, namespace: call.namespace, repository: source),
            there.upstream.index == route.upstream.index
        else { return nil }
        return there.upstreamRepository
    }

    /// The request, its body included. Ends early, without an error, when the upstream answers before it has all.
    private func send(on upstream: UpstreamConnection, token: AuthorizationToken) async throws {
        var bytes = bench.takeHeadBuffer()
        defer { bench.returnHeadBuffer(bytes) }
        bytes.removeAll(keepingCapacity: true)
        let isChunked = !isWhole && request.head.framing == .chunked
        let length: Int? =
            switch request.head.framing {
            case .length(let count): count
            case .chunked: isWhole ? kept?.count ?? 0 : nil
            case .none, .untilClose: 0
            }
        let target = session ?? route.target(of: call, asSent: request.head.target, mount: mountSource)
        let upstreamRequest = UpstreamRequest(
            head: request.head, method: session == nil ? nil : .put, origin: route.upstream.origin, target: target,
            isProbe: isProbe, owed: delivery.owed,
            isPlaceless: (chunkRange?.offsets.count ?? 0) > UploadState.rangedChunkAtMost)
        upstreamRequest.registryHead(into: &bytes, token: token.fieldValue, length: length)
        payload = kept?.count ?? 0
        if let kept, !kept.isEmpty {
            if isChunked { bytes.appendChunkSize(kept.count) }
            bytes += kept
            if isChunked { bytes.append("\r\n") }
        }
        do {
            try await upstream.stream.write(bytes, timeout: site.timeouts.stall)
        } catch { throw RelayError(side: .upstream, cause: error) }
        exchange.record.sentUpstream += bytes.count
        if isWhole {
            upstream.requestIsWhole()
            return
        }
        // Only now: connected, and the token good (design section 3, step 7).
        do { try await request.sendContinue() } catch { throw RelayError(side: .client, cause: error) }
        if kept != nil, (kept?.count ?? 0) > Relay.keptAtMost { kept = nil }
        let before = request.connection.received
        defer { exchange.record.received += request.connection.received - before }
        _ = try await relay.body(
            to: upstream, chunked: isChunked, kept: &kept, payload: &payload, sent: &exchange.record.sentUpstream)
    }
}
