package import Logging
import Synchronization

/// How a registry, or the storage that its blobs lie in, has been doing: a breaker that all workers share, which logs when it opens and closes.
package final class Circuit: Sendable {
    private struct Condition {
        var breaker = Breaker()
        /// Of the last failure that opened it.
        var reason = ""
    }

    /// Which requests meet the mutex.
    private enum Trouble: UInt8, AtomicRepresentable {
        /// None.
        case none
        /// Those that report a result.
        case some
        /// All.
        case open
    }

    /// What is known of a registry whose circuit is open: requests to a single repository may have opened it.
    private enum Reach: UInt8, AtomicRepresentable {
        case unknown
        /// It is being asked for what every registry has.
        case asked
        /// It did not have that either.
        case away
    }

    private let condition = Mutex(Condition())
    private let reach = Atomic(Reach.unknown)
    private let trouble = Atomic(Trouble.none)
    /// Whether the upstream has another registry for reads; for the log.
    private let hasAlternative = Atomic(false)
    private let upstream: String, registry: String
    private let isOfStorage: Bool
    private let log: Logger

    /// - Parameters:
    ///   - upstream: its name.
    ///   - registry: its host.
    ///   - isOfStorage: of where its blobs lie.
    package init(upstream: String, registry: String, isOfStorage: Bool, log: Logger) {
        (self.upstream, self.registry, self.isOfStorage, self.log) = (upstream, registry, isOfStorage, log)
    }

    /// A reload may change this.
    func setAlternative(_ exists: Bool) { hasAlternative.store(exists, ordering: .relaxed) }

    // MARK: Requests

    /// Whether requests go there.
    var isClosed: Bool { trouble.load(ordering: .relaxed) != .open }

    /// Whether a request may go there now. After true from an open one, that request's result decides.
    func mayTry(at now: @autoclosure () -> ContinuousClock.Instant = .now) -> Bool {
        guard trouble.load(ordering: .relaxed) == .open else { return true }
        let (mayTry, isAttempt) = condition.withLock { condition in
            let mayTry = condition.breaker.mayTry(at: now())
            return (mayTry, condition.breaker.state != .closed)
        }
        if mayTry, isAttempt { log.info("\(subject) tried again", metadata: metadata) }
        return mayTry
    }

    /// As `mayTry`, but no request follows.
    func wouldLetTry(at now: @autoclosure () -> ContinuousClock.Instant = .now) -> Bool {
        guard trouble.load(ordering: .relaxed) == .open else { return true }
        var breaker = condition.withLock { $0.breaker }
        return breaker.mayTry(at: now())
    }

    /// It fails whatever it is asked for.
    var isAway: Bool { reach.load(ordering: .relaxed) == .away }

    /// Whether the caller is to find out if an open registry is away, and say so by `found`. One at a time, until it is found out.
    func claimQuestion() -> Bool {
        !isClosed && reach.compareExchange(expected: .unknown, desired: .asked, ordering: .relaxed).exchanged
    }

    /// - Parameter isAway: false: it responds, which has closed the circuit, or it could not be found out.
    func found(isAway: Bool) {
        condition.withLock { condition in
            guard condition.breaker.state != .closed else { return }
            reach.store(isAway ? .away : .unknown, ordering: .relaxed)
        }
    }

    func succeeded(at now: @autoclosure () -> ContinuousClock.Instant = .now) {
        guard trouble.load(ordering: .relaxed) != .none else { return }
        let change = condition.withLock { condition in
            let change = condition.breaker.succeeded(at: now())
            note(condition.breaker)
            return change
        }
        guard case .closed(let time) = change else { return }
        log.notice("\(subject) responds again", metadata: metadata.merging(["after": "\(Self.seconds(time))"]) { $1 })
    }

    /// - Parameter reason: for the operator.
    func failed(because reason: String, at now: @autoclosure () -> ContinuousClock.Instant = .now) {
        let change = condition.withLock { condition in
            let change = condition.breaker.failed(at: now())
            if change != nil { condition.reason = reason }
            note(condition.breaker)
            return change
        }
        guard case .opened(let cause, let pause) = change else { return }
        let failures =
            switch cause {
            case .failuresInARow(let count): "\(count) in a row"
            case .failures(let count): "\(count) of the last \(Breaker.window)"
            case nil: "the attempt to use it again"
            }
        log.warning(
            "\(subject) failing",
            metadata: metadata.merging([
                "failures": "\(failures)", "error": "\(reason)",
                "consequence": hasAlternative.load(ordering: .relaxed)
                    ? "for \(Self.seconds(pause)) reads go to another registry of the upstream"
                    : "the upstream has no fallbacks: requests go on to it, unless there is a cache",
            ]) { $1 })
    }

    private var metadata: Logger.Metadata { ["upstream": "\(upstream)", "registry": "\(registry)"] }
    private var subject: String { isOfStorage ? "storage of a registry" : "registry" }

    private func note(_ breaker: Breaker) {
        if breaker.state == .closed { reach.store(.unknown, ordering: .relaxed) }
        trouble.store(breaker.isUntroubled ? .none : breaker.state == .closed ? .some : .open, ordering: .relaxed)
    }

    private var failing: String { isOfStorage ? "its storage is failing" : "failing" }

    private static func seconds(_ duration: Duration) -> String { "\(duration.components.seconds) s" }

    // MARK: Reading

    /// What a breaker is doing, in one word of the admin API. Half open: the next request tries the registry, or one does now.
    package enum State: String, Sendable, Comparable {
        case open, halfOpen = "half_open", closed

        /// As `berth_upstream_state` has it.
        package var value: Double {
            switch self {
            case .open: 0
            case .halfOpen: 0.5
            case .closed: 1
            }
        }

        /// The worse one is less.
        package static func < (a: State, b: State) -> Bool { a.value < b.value }
    }

    /// Once the pause has passed, only a request is missing, which may not come for hours.
    func state(at now: ContinuousClock.Instant) -> State {
        switch condition.withLock({ $0.breaker.state }) {
        case .closed: .closed
        case .open(let end): now < end ? .open : .halfOpen
        case .halfOpen: .halfOpen
        }
    }

    /// Why requests that can go elsewhere do not come here now, for people; nil: they do.
    func problem(at now: ContinuousClock.Instant) -> String? {
        let (state, reason) = condition.withLock { ($0.breaker.state, $0.reason) }
        switch state {
        case .closed: return nil
        // The next request may find it working again: without any, nothing would ever be ready again.
        case .open(let end) where now >= end: return nil
        case .open(let end):
            return "\(failing), tried again in \(Self.seconds(now.duration(to: end) + .seconds(1))): \(reason)"
        case .halfOpen: return "\(failing), being tried again: \(reason)"
        }
    }
}
