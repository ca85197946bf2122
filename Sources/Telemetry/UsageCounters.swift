import Glibc
import Synchronization

/// What one worker counts for one user in one repository. Only that worker adds; any thread may read.
final class UsageCounters: Sendable {
    private let requests = Atomic(0), pulls = Atomic(0), pushes = Atomic(0), sent = Atomic(0), received = Atomic(0)
    /// Seconds since 1970; 0: never.
    private let lastUsed = Atomic(0)

    func count(_ use: Use) {
        add(1, to: requests)
        if use.isPull { add(1, to: pulls) }
        if use.isPush { add(1, to: pushes) }
        if use.sent > 0 { add(use.sent, to: sent) }
        if use.received > 0 { add(use.received, to: received) }
        var now = timespec()
        // Exact to some milliseconds, and several times as fast as the exact clock.
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        lastUsed.store(now.tv_sec, ordering: .relaxed)
    }

    /// Only one thread writes, so no atomic addition is needed.
    private func add(_ count: Int, to counter: borrowing Atomic<Int>) {
        counter.store(counter.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    var figures: UsageFigures {
        var figures = UsageFigures()
        figures.requests = requests.load(ordering: .relaxed)
        figures.pulls = pulls.load(ordering: .relaxed)
        figures.pushes = pushes.load(ordering: .relaxed)
        figures.sentToClient = sent.load(ordering: .relaxed)
        figures.receivedFromClient = received.load(ordering: .relaxed)
        let last = lastUsed.load(ordering: .relaxed)
        if last > 0 { figures.lastUsed = Double(last) }
        return figures
    }
}

/// One request, as it counts.
struct Use {
    /// The repository's name as clients use it; empty: outside of any.
    let repository: [UInt8]
    let user: String
    let isSuccess: Bool
    var isPull = false, isPush = false
    /// Bytes of a blob or a manifest.
    var received = 0, sent = 0

    var movedBytes: Bool { received > 0 || sent > 0 }
}
