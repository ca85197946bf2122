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
    /// As `CacheStore.removals`, at the beginning.
    let since: Int

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
        since = store.removals(in: source)
    }

    /// Ends a request at once that the registry cannot serve now: it may be served from the cache or go on to a fallback, and otherwise the client learns it
    /// without a wait. No client waits for the attempt that tells whether the registry is back.
    /// - Throws: `ErrorResponse`.
    static func check(_ forwarder: Forwarder) async throws {
        let registry = forwarder.registry, upstream = registry.upstream
        if upstream.isTokenFailing, registry.readyToken(forwarder.policy) == nil {
            throw ErrorResponse(
                .unavailable, "The gateway has no valid token for the upstream registry, and its cache does not have this.",
                status: 503, retryAfter: 5)
        }
        guard !upstream.circuit.isClosed else { return }
        if forwarder.failover?.isAttempt ?? upstream.circuit.mayTry() {
            registry.worker.tasks.start { task in try? await ask(registry, .task(task)) }
        } else if upstream.circuit.claimQuestion() {
            do { try await ask(registry, registry.requester) } catch let failure as ConnectionFailure where failure.side == .client
            {
                upstream.circuit.found(isAway: false)
                throw failure
            } catch {
                upstream.circuit.found(isAway: true)
            }
        }
        // Other requests go on: what has failed may be a single repository.
        guard upstream.circuit.isAway else { return }
        throw ErrorResponse(
            .unavailable, "The upstream registry does not answer, and the gateway's cache does not have this.", status: 503,
            retryAfter: 5)
    }

    /// Asks the registry for what every registry has. Its circuit closes if it responds.
    private static func ask(_ registry: RegistryClient, _ requester: Requester) async throws {
        let client = RegistryClient(
            upstream: registry.upstream, worker: registry.worker, timeouts: registry.timeouts, record: registry.record.ofTask(),
            requester: requester, alternative: .inUse, time: RetryPolicy.stallTime)
        let response = try await client.send(.get, Array("/v2/".utf8), as: .other, upTo: TokenRejection.maxBody)
        guard response.status < 500 else { throw ErrorResponse(.unavailable, "") }
    }

    // MARK: What is held, and who says so

    func open(_ digest: Digest) -> CacheLookup { store.open(digest, from: source) }

    /// The registry has said that the repository has the content.
    func confirm(_ digest: Digest) { store.confirm(digest, for: source, since: since) }

    /// The repository does not have it, as the registry has said, or since it was deleted.
    func forget(_ digest: Digest, isDeleted: Bool = false) { store.forget(digest, for: source, isDeleted: isDeleted) }

    func claim(_ digest: Digest) -> CacheClaim { store.claim(digest, for: source, since: since) }

    /// What the response of the registry that is asked, or of its storage, says of a content in the repository. What a replica lacks may be on its way there.
    func note(_ status: Int, of digest: Digest, by forwarder: Forwarder) {
        switch status {
        case 200, 206: confirm(digest)
        case 404 where forwarder.isAtUpstream: forget(digest)
        default: break
        }
    }
}
