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
    }

    /// Ends a request at once that the registry cannot serve now: it may be served from the cache, and otherwise the client learns it without a wait. No
    /// client waits for the attempt that tells whether the registry is back. Where there are fallbacks, `Failover` has chosen.
    /// - Throws: `ErrorResponse`.
    static func check(_ forwarder: Forwarder) throws(ErrorResponse) {
        let upstream = forwarder.registry.upstream
        guard forwarder.upstream.fallbacks.isEmpty else { return }
        if upstream.isTokenFailing, forwarder.registry.readyToken(forwarder.policy) == nil {
            throw ErrorResponse(
                .unavailable, "The gateway has no valid token for the upstream registry, and its cache does not have this.",
                status: 503, retryAfter: 5)
        }
        guard !upstream.circuit.isClosed else { return }
        if upstream.circuit.mayTry() { tryAgain(forwarder.registry) }
        throw ErrorResponse(
            .unavailable, "The upstream registry does not answer, and the gateway's cache does not have this.", status: 503,
            retryAfter: 5)
    }

    /// Asks the registry for what costs it nothing. Its circuit learns what came of it.
    private static func tryAgain(_ registry: RegistryClient) {
        registry.worker.tasks.start { task in
            let client = RegistryClient(
                upstream: registry.upstream, worker: registry.worker, timeouts: registry.timeouts, record: registry.record.ofTask(),
                requester: .task(task), alternative: .inUse)
            _ = try? await client.send(.get, Array("/v2/".utf8), as: .other, upTo: TokenRejection.maxBody)
        }
    }

    func open(_ digest: Digest) -> CacheLookup { store.open(digest, from: source) }

    /// The registry has said that the repository has the content.
    func confirm(_ digest: Digest) { store.confirm(digest, for: source) }

    /// The repository does not have it any more.
    func forget(_ digest: Digest) { store.forget(digest, for: source) }

    /// The response of the registry that is asked says whether the repository has a content. What a replica lacks may be on its way there.
    func note(_ status: Int, of digest: Digest, by forwarder: Forwarder) {
        switch status {
        case 200..<300, 304: confirm(digest)
        case 404 where forwarder.isAtUpstream: forget(digest)
        default: break
        }
    }
}
