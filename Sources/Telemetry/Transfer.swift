import FoundationEssentials
import Synchronization

/// A transfer in progress, as the admin listener shows it.
package struct TransferFigures: Sendable, Equatable {
    /// The request's id, as in its access line.
    package let id: String
    /// The user's name, and the client's address.
    package let user: String, client: String
    /// The request's operation, as in metrics.
    package let operation: String
    /// The name that clients use, and the upstream's in the configuration.
    package let repository: String, upstream: String
    /// When the request came, in seconds since 1970.
    package let started: Double
    /// Of the body, with its framing: from or to the client.
    package var bytes = 0
    /// Bytes that the whole body has; nil: not known.
    package let total: Int?

    /// A transfer that has not moved yet.
    package init(
        id: String, user: String, client: String, operation: String, repository: String, upstream: String, started: Double,
        total: Int?
    ) {
        (self.id, self.user, self.client, self.operation) = (id, user, client, operation)
        (self.repository, self.upstream, self.started, self.total) = (repository, upstream, started, total)
    }
}

/// A large body on its way. Its worker says how far it has come, which costs one store; any thread may read.
package final class Transfer: Sendable {
    private let beginning: TransferFigures
    private let bytes = Atomic(0)

    /// Bytes of a body: below that, a transfer is over before anybody can look at it.
    package static let minBytes = 1 << 20

    init(_ beginning: TransferFigures) { self.beginning = beginning }

    /// - Parameter count: bytes that have moved since the beginning.
    package func advance(to count: Int) { bytes.store(count, ordering: .relaxed) }

    var figures: TransferFigures {
        var figures = beginning
        figures.bytes = bytes.load(ordering: .relaxed)
        return figures
    }
}

/// The transfers of one worker. The lock is taken twice for each large body, and shortly by whoever looks.
package final class WorkerTransfers: Sendable {
    private let list = Mutex<[ObjectIdentifier: Transfer]>([:])

    /// None yet.
    package init() {}

    /// To be followed by `end`.
    package func begin(_ figures: TransferFigures) -> Transfer {
        let transfer = Transfer(figures)
        list.withLock { $0[ObjectIdentifier(transfer)] = transfer }
        return transfer
    }

    /// The transfer is over, complete or not.
    package func end(_ transfer: Transfer) { list.withLock { $0[ObjectIdentifier(transfer)] = nil } }

    /// As far as they have come, in no order. From any thread.
    package var current: [TransferFigures] { list.withLock { $0 }.values.map(\.figures) }
}
