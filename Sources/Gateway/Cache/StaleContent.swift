import Cache
import FoundationEssentials
import HTTP
import Registry

/// What the cache can do for a read of a manifest that no registry of the upstream answers.
struct StaleContent {
    private let cache: CacheAccess
    private let forwarder: Forwarder

    init(_ cache: CacheAccess, _ forwarder: Forwarder) { (self.cache, self.forwarder) = (cache, forwarder) }

    /// Why the registry's own word is not to be had. What else an error says is its word: 404, or 403.
    private enum Cause: String {
        /// Connections fail or stall, each attempt gets 5xx, the breaker is open, or there is no token.
        case away = "no registry answers"
        /// It answers 429 to each attempt, or Berth's own line to it is full. A pull would fail for it although the image is here, and gets it. A push that is told
        /// by HEAD that its image is there leaves out its PUT, and the registry, which is there, may have another by now: it is to come again later.
        case busy = "the registry is busy"

        init?(_ error: any Error) {
            switch error {
            case let failure as ConnectionFailure where failure.side == .upstream: self = .away
            case let response as ErrorResponse where response.isShed || response.error.status == 429: self = .busy
            case let response as ErrorResponse where response.error.status >= 500: self = .away
            default: return nil
            }
        }
    }

    /// Serves what was last known.
    /// - Parameter error: how the last attempt ended.
    /// - Returns: false: the error is the response.
    func serve(after error: any Error) async throws -> Bool {
        guard let cause = Cause(error), !forwarder.writer.hasStarted else { return false }
        let reason = reason(cause, error)
        let isServed = try await serve(cause)
        if isServed { forwarder.record.addReason(reason) }
        return isServed
    }

    /// For the access line. The text for clients says that the cache does not have this, which is no longer true.
    private func reason(_ cause: Cause, _ error: any Error) -> String {
        let text = Failover.text(of: error)
        guard text.hasSuffix("cache does not have this.") else { return "\(cause.rawValue): \(text)" }
        return cause.rawValue + (forwarder.registry.upstream.problem(at: Date()).map { ": \($0)" } ?? "")
    }

    private func serve(_ cause: Cause) async throws -> Bool {
        guard case .manifest(_, let reference) = forwarder.request.endpoint else { return false }
        let response = ContentResponse(cache, forwarder.writer)
        switch (reference, forwarder.request.operation) {
        case (_, .manifestHead) where cause == .busy && cache.mayPush: return false
        // Who may only pull has been served already.
        case (.digest(let digest), .manifestHead):
            let accepted = Accepted(forwarder.head)
            return try await response.sendHead(of: digest, nil, isBlob: false, as: .stale, accepted: accepted) != nil
        case (.tag(let tag), .manifestGet), (.tag(let tag), .manifestHead):
            guard let digest = cache.store.digest(of: tag, in: cache.source), case .held(let content, _) = cache.open(digest),
                let prepared = try await response.prepare(content, nil), Accepted(forwarder.head).takes(content.mediaType)
            else { return false }
            try await response.send(prepared, as: .stale)
            return true
        default: return false
        }
    }
}
