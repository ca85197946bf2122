import Access
import Cache
import HTTP
import Registry

/// The cache as one request uses it: for the repository that it asks for.
final class CacheAccess {
    let store: CacheStore
    let source: ContentSource
    /// The user may push to the repository too: HEAD then asks whether the registry has a content, which must not be answered from memory.
    let mayPush: Bool
    /// As `CacheStore.removals`, before the registry was asked. Below zero: it was not, and what it says does not count.
    private(set) var since = -1

    /// nil: the request is for nothing that is kept. Not inlined, since most gateways have no cache.
    @inline(never)
    init?(_ store: CacheStore, _ forwarder: Forwarder, _ principal: Principal) {
        let request = forwarder.request
        switch request.endpoint {
        case .manifest, .blob: break
        default: return nil
        }
        self.store = store
        mayPush = principal.mayPush(to: request)
        // The upstream itself, also where a fallback is asked: a replica has the same contents.
        let upstream = forwarder.upstream
        source = ContentSource(
            upstream: upstream.name, registry: upstream.host, repository: forwarder.route.upstreamRepository)
        // Which this request may not come to, where the cache serves it.
        if forwarder.failover?.takeAttempt() == true { Self.tryAgain(forwarder.registry) }
    }

    /// To be called before a request is sent to the registry. Ends one at once that the registry cannot serve now: it may be served from the cache or go
    /// on to a fallback, and otherwise the client learns it without a wait. No client waits for the attempt that tells whether the registry is back.
    /// - Throws: `ErrorResponse`.
    func check(_ forwarder: Forwarder) async throws {
        if since < 0 { since = store.removals(in: source) }
        let registry = forwarder.registry, upstream = registry.upstream
        if upstream.isTokenFailing, registry.readyToken(forwarder.policy) == nil {
            throw ErrorResponse(
                .unavailable, "The gateway has no valid token for the upstream registry, and its cache does not have this.",
                status: 503, retryAfter: 5)
        }
        guard !upstream.circuit.isClosed else { return }
        if forwarder.failover?.takeAttempt() ?? upstream.circuit.mayTry() {
            Self.tryAgain(registry)
        } else if upstream.circuit.claimQuestion() {
            do { upstream.circuit.found(isAway: try await !Self.responds(registry, registry.requester)) } catch {
                // Not Berth's own: a full line, no token.
                let failure = error as? ConnectionFailure
                upstream.circuit.found(isAway: failure?.side == .upstream)
                if let failure, failure.side == .client { throw failure }
            }
        }
        // Other requests go on: what has failed may be a single repository.
        guard upstream.circuit.isAway else { return }
        throw ErrorResponse(
            .unavailable, "The upstream registry does not answer, and the gateway's cache does not have this.", status: 503,
            retryAfter: 5)
    }

    /// Asks the registry in a task of its own. Its circuit closes if it responds.
    private static func tryAgain(_ registry: RegistryClient) {
        registry.worker.tasks.start { task in _ = try? await responds(registry, .task(task)) }
    }

    /// Asks the registry for what every registry has.
    private static func responds(_ registry: RegistryClient, _ requester: Requester) async throws -> Bool {
        let client = RegistryClient(
            upstream: registry.upstream, worker: registry.worker, timeouts: registry.timeouts, record: registry.record.ofTask(),
            requester: requester, alternative: .inUse, time: RetryPolicy.stallTime)
        return try await client.send(.get, Array("/v2/".utf8), as: .other, upTo: TokenRejection.maxBody).status < 500
    }

    // MARK: What is held, and who says so

    func open(_ digest: Digest) -> CacheLookup { store.open(digest, from: source) }

    /// What follows is of a response to another request.
    /// - Parameter other: its `since`; nil: not known.
    func follow(_ other: Int?) { since = min(since, other ?? -1) }

    /// The registry has said that the repository has the content.
    /// - Returns: as `CacheStore.confirm`.
    @discardableResult
    func confirm(_ digest: Digest) -> Bool { store.confirm(digest, for: source, since: since) }

    /// The repository does not have it, as the registry has said, or since it was deleted.
    func forget(_ digest: Digest, isDeleted: Bool = false) { store.forget(digest, for: source, isDeleted: isDeleted) }

    func claim(_ digest: Digest, for forwarder: Forwarder) -> CacheClaim {
        store.claim(digest, for: source, since: since, confirms: forwarder.isAtUpstream)
    }

    /// What the response of the registry that is asked, or of its storage, says of a content in the repository. A replica's does not count: what it
    /// lacks may be on its way there, and it keeps what was deleted.
    func note(_ status: Int, of digest: Digest, by forwarder: Forwarder) {
        guard forwarder.isAtUpstream else { return }
        switch status {
        case 200, 206: confirm(digest)
        case 404: forget(digest)
        default: break
        }
    }
}
