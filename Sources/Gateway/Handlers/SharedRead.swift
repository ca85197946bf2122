import HTTP
import HTTPServer
import Transport

/// A read that waits for the response to another one. Confined to its loop.
final class SharedRead {
    private let ticket: Ticket
    private var response: SharedResponse?

    init(_ client: ServerConnection) { ticket = Ticket(.client(client)) }

    /// - Parameter response: nil: there is none.
    func end(with response: SharedResponse?) {
        self.response = response
        ticket.settle()
    }

    /// - Returns: nil: the other request has failed, or has no response yet.
    /// - Throws: the client has gone.
    func wait(for time: Duration) async throws -> SharedResponse? {
        await ticket.wait(for: time)
        guard !ticket.isClientGone else {
            throw ConnectionFailure(.client, .cancelled, call: "wait", reason: "the client left before the response came")
        }
        return response
    }
}

/// An upstream's response that several clients get.
final class SharedResponse {
    let head: Head
    /// nil: the response to HEAD has none.
    let body: [UInt8]?
    /// Seconds, as the upstream asks for.
    let retryAfter: Int?
    /// `CacheAccess.since` of the request that it is the response to; nil: it had no cache.
    let since: Int?

    init(_ connection: UpstreamConnection, body: [UInt8]?, since: Int?) {
        (head, retryAfter, self.body, self.since) = (connection.head.copy(), connection.retryAfter, body, since)
    }
}
