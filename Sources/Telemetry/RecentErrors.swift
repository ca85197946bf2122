import FoundationEssentials
import Synchronization

/// Something that failed, as the admin listener shows it. Contains no secret.
package struct RecentError: Sendable, Equatable {
    /// `error`, or `warning` where it does no harm yet.
    package var level = "error"
    /// What failed, in words.
    package let message: String
    /// When it last happened, in seconds since 1970.
    package var time: Double
    /// When it first happened.
    package var firstTime: Double
    /// How often, since the first time.
    package var count = 1
    /// Of the last request that failed so, as in its access line; nil: it was no request.
    package var requestID: String?
    /// The client's address, of the last one.
    package var client: String?
    /// The request's operation, as in metrics.
    package var operation: String?
    /// The name that clients use; nil: the request was not routed.
    package var repository: String?
    /// The user's name; nil: the request was not authenticated.
    package var user: String?
    /// The upstream's name in the configuration.
    package var upstream: String?
    /// The response's status; nil: there was none.
    package var status: Int?
    /// How the exchange ended, as in its access line.
    package var end: String?
    /// Why.
    package var reason: String?
    /// What to do about it; nil: that is not known.
    package var fix: String?
    /// Berth rejected the request or the connection by itself: as a rule the client's mistake.
    package var isRejection = false

    /// - Parameter time: in seconds since 1970.
    package init(_ message: String, time: Double = Date().timeIntervalSince1970) {
        (self.message, self.time, firstTime) = (message, time, time)
    }

    /// Whether both are the same failure, for another request.
    func isLike(_ other: RecentError) -> Bool {
        (status, operation, repository, user, upstream) == (
            other.status, other.operation, other.repository, other.user, other.upstream
        )
            && (message, level, end, reason) == (other.message, other.level, other.end, other.reason)
    }
}

/// The latest errors of the process. Equal ones are counted, and rejections have room of their own, so that a flood of them does not wash out
/// the errors. Written to only when something fails.
package final class RecentErrors: Sendable {
    private struct Lists {
        var failures: [RecentError] = [], rejections: [RecentError] = []
    }

    private let lists = Mutex(Lists())

    /// More than anybody reads.
    static let maxFailures = 100, maxRejections = 50

    /// None yet.
    package init() {}

    /// From any thread.
    package func add(_ error: RecentError) {
        lists.withLock { lists in
            if error.isRejection {
                Self.add(error, to: &lists.rejections, upTo: Self.maxRejections)
            } else {
                Self.add(error, to: &lists.failures, upTo: Self.maxFailures)
            }
        }
    }

    /// The oldest go first: the lists are in the order of `time`.
    private static func add(_ error: RecentError, to list: inout [RecentError], upTo limit: Int) {
        var error = error
        if let position = list.lastIndex(where: { $0.isLike(error) }) {
            let earlier = list.remove(at: position)
            (error.count, error.firstTime) = (earlier.count + 1, earlier.firstTime)
        }
        list.append(error)
        if list.count > limit { list.removeFirst() }
    }

    /// The newest first. From any thread.
    package func latest() -> [RecentError] {
        let (failures, rejections) = lists.withLock { ($0.failures, $0.rejections) }
        return (failures + rejections).sorted { $0.time > $1.time }
    }
}
