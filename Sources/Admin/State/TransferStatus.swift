package import FoundationEssentials

/// A large body on its way between a client and an upstream.
package struct TransferStatus: Sendable, Encodable {
    let id: String, user: String, client: String, operation: String, repository: String, upstream: String
    let started: Date
    let bytes: Int
    let total: Int?

    /// - Parameters:
    ///   - id: the request's id, as in the log.
    ///   - bytes: moved so far.
    ///   - total: nil: not known, as of a chunked upload.
    package init(
        id: String, user: String, client: String, operation: String, repository: String, upstream: String, started: Date,
        bytes: Int,
        total: Int?
    ) {
        (self.id, self.user, self.client, self.operation) = (id, user, client, operation)
        (self.repository, self.upstream, self.started, self.bytes, self.total) = (repository, upstream, started, bytes, total)
    }
}

/// The body of `/api/v1/transfers`.
struct Transfers: Encodable {
    /// How many there are, also those beyond the limit.
    let total: Int
    /// The oldest first.
    let transfers: [TransferStatus]

    init(_ all: [TransferStatus], limit: Int) {
        total = all.count
        transfers = Array(all.sorted { ($0.started, $0.id) < ($1.started, $1.id) }.prefix(limit))
    }
}
