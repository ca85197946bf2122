import Cache
import HTTP
import Registry

/// What the cache has of the blob that a request is for.
struct CachedBlob {
    let cache: CacheAccess
    let forwarder: Forwarder
    let digest: Digest

    /// How a GET goes on.
    enum Found {
        /// From the cache, where the blob is, or where it comes in.
        case content(ContentResponse.Prepared, CacheResult)
        /// From the registry, and into the cache with its response.
        case nothing(Fill)
        /// From the registry alone.
        case unused
    }

    /// Contents that turn out to be none, before the registry is asked without regard to the cache.
    private static let maxTries = 3

    func find() async throws -> Found {
        let wish = ContentSelection.Wish(forwarder.head)
        forwarder.record.cache = .miss
        for _ in 0..<Self.maxTries {
            let lookup = cache.open(digest)
            // A manifest that is asked for as a blob: the registry knows whether it is one too.
            guard lookup.content?.mediaType == nil else { return .unused }
            switch lookup {
            case .held(let content, let isOld):
                if isOld { Renewal.begin(digest, isManifest: false, cache, forwarder) }
                if let found = try await prepare(content, wish) { return found }
            case .unconfirmed(let content):
                // Without HEAD, the client's own GET confirms it.
                try await cache.check(forwarder)
                guard forwarder.registry.upstream.hasBlobHead, try await confirm() else { return .unused }
                if let found = try await prepare(content, wish) { return found }
            case .absent:
                try await cache.check(forwarder)
                // A response to a condition or a range need not have the bytes.
                guard wish == nil else { return .unused }
                switch cache.claim(digest, for: forwarder) {
                case .fill(let fill): return .nothing(fill)
                case .found: continue
                case .declined: return .unused
                }
            }
        }
        return .unused
    }

    /// - Returns: nil: the content turned out to be none.
    private func prepare(_ content: CachedContent, _ wish: ContentSelection.Wish?) async throws -> Found? {
        let phase = content.progress.phase
        guard phase == .whole else { return try await follow(content, in: phase, wish) }
        guard let prepared = try await response.prepare(content, wish), content.mediaType == nil else { return nil }
        return .content(prepared, .hit)
    }

    /// As `prepare`, of a content that is on its way. Apart from it, since most are whole: see `Exchange.provenPrincipal`.
    @inline(never)
    private func follow(
        _ content: CachedContent, in phase: CachedContent.Phase, _ wish: ContentSelection.Wish?
    ) async throws -> Found? {
        let start = ContinuousClock.now
        // Another registry may hang while this one responds.
        let isElsewhere = content.registry.map { $0 != cache.source.registry } ?? false
        let isComing = isElsewhere ? try await response.awaitBegin(of: content, within: RetryPolicy.stallTime) : true
        if isComing, let prepared = try await response.prepare(content, wish), content.mediaType == nil {
            return .content(prepared, content.result(in: phase))
        }
        // Who has waited in vain has all attempts left.
        forwarder.postpone(since: start)
        return isComing ? nil : .unused
    }

    /// Asks the registry whether the repository has the blob. false: it does not say so: HEAD takes a permission of its own, and does not find what a
    /// pull-through cache has yet to fetch. The client's own request is answered then.
    private func confirm() async throws -> Bool {
        let response = try await forwarder.registry.send(
            .head, Array(forwarder.target), as: .batchCheckLayerAvailability, upTo: 0)
        cache.note(response.status, of: digest, by: forwarder)
        guard response.status == 429 || response.status >= 500 else { return response.status == 200 }
        throw forwarder.error(UpstreamError(status: response.status, body: []))
    }

    var response: ContentResponse { ContentResponse(cache, forwarder.writer) }

    // MARK: Into the cache

    /// The size of the blob; nil: the response is not the whole blob, or the cache does not take it.
    func begin(_ fill: Fill, _ head: Head) -> Int? {
        guard head.status == 200, !head.isEncoded, case .length(let size) = head.framing,
            fill.begin(size: size, mediaType: nil)
        else { return nil }
        return size
    }

    /// Waits for the first bytes of a download. nil: none will come.
    func prepare(_ fill: Fill) async throws -> ContentResponse.Prepared? {
        if let prepared = try await response.prepare(fill.content, nil) { return prepared }
        guard fill.content.progress.phase == .corrupt else { return nil }
        throw ErrorResponse.badGateway("The bytes that the upstream sent are not those of the blob's digest.", retryAfter: 1)
    }
}
