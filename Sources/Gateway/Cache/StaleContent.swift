import Cache
import FoundationEssentials
import HTTP
import Registry

/// What the cache can do for a read that no registry of the upstream answers.
struct StaleContent {
    private let cache: CacheAccess
    private let forwarder: Forwarder

    init(_ cache: CacheAccess, _ forwarder: Forwarder) { (self.cache, self.forwarder) = (cache, forwarder) }

    /// Serves what was last known.
    /// - Parameter error: how the last attempt ended.
    /// - Returns: false: the error is the response.
    func serve(after error: any Error) async throws -> Bool {
        guard Self.isAway(error), !forwarder.writer.hasStarted, forwarder.record.isComplete else { return false }
        let reason = reason(of: error)
        let isServed = try await serve()
        if isServed { forwarder.record.addReason(reason) }
        return isServed
    }

    /// For the access line. The text for clients says that the cache does not have this, which is no longer true.
    private func reason(of error: any Error) -> String {
        let text = Failover.text(of: error)
        guard text.hasSuffix("cache does not have this.") else { return "no registry answers: \(text)" }
        return "no registry answers" + (forwarder.registry.upstream.problem(at: Date()).map { ": \($0)" } ?? "")
    }

    private func serve() async throws -> Bool {
        let response = ContentResponse(cache, forwarder.writer)
        switch (forwarder.request.endpoint, forwarder.request.operation) {
        // A push that is told that a layer is here does not send it, and the registry may have deleted it.
        case (.blob(_, let digest), .blobHead) where !cache.mayPush:
            return try await response.sendHead(of: digest, ContentSelection.Wish(forwarder.head), isBlob: true, as: .stale)
        case (.manifest(_, .digest(let digest)), .manifestHead):
            return try await response.sendHead(
                of: digest, nil, isBlob: false, as: .stale, accepted: Accepted(forwarder.head))
        case (.manifest(_, .tag(let tag)), .manifestGet), (.manifest(_, .tag(let tag)), .manifestHead):
            guard let digest = cache.store.digest(of: tag, in: cache.source), case .held(let content, _) = cache.open(digest),
                let prepared = try await response.prepare(content, nil), Accepted(forwarder.head).takes(content.mediaType)
            else { return false }
            try await response.send(prepared, as: .stale)
            return true
        default: return false
        }
    }

    /// The upstream does not answer, or only that it cannot serve now.
    private static func isAway(_ error: any Error) -> Bool {
        switch error {
        case let failure as ConnectionFailure: failure.side == .upstream
        case let response as ErrorResponse: response.error.status == 429 || response.error.status >= 500
        default: false
        }
    }
}
