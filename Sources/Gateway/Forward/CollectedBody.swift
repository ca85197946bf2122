import HTTP
import Transport

/// A response's body that is read whole before the client gets the first byte of it, so that the request can be sent again when it breaks off.
enum CollectedBody {
    /// Bytes of a body without a length: ECR's limit of a manifest (ECR 1.3).
    private static let maxUnsized = 4 << 20

    /// - Parameter limit: bytes; a longer body stays on the connection.
    /// - Returns: nil: the response is no success, the body is too long, or it has come with the head and stays there.
    static func read(_ connection: UpstreamConnection, upTo limit: Int, by registry: RegistryClient, _ policy: RetryPolicy)
        async throws -> [UInt8]?
    {
        let head = connection.head
        guard head.status == 200, connection.arrivedBody == nil else { return nil }
        if case .length(let count) = head.framing, count > limit { return nil }
        let body = try await registry.collect(connection, upTo: maxUnsized, stall: registry.retries.stallLimit(policy))
        // The end of the connection is the only sign of this body's end, and may be a sign of a failure.
        guard head.framing != .untilClose || WholeJSON.isWhole(body) else {
            throw ConnectionFailure(.upstream, .closed, call: "recv", reason: "the upstream closed in the middle of its response")
        }
        return body
    }
}
