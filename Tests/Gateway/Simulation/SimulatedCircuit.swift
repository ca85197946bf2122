import Logging

@testable import Gateway

/// The production's circuit of a registry on the world's time, held to what it is to do: that is told from the results alone.
final class SimulatedCircuit {
    private let world: World
    private let circuit: Circuit
    /// The last 20, the oldest first: true for a failure.
    private var results: [Bool] = []
    private var failuresInARow = 0
    /// nil: it is closed.
    private var openedAt: Int?
    /// When a request was let pass to try the registry, which has no result yet.
    private var triedAt: Int?
    /// Tries that failed since it opened.
    private var failedTries = 0

    /// Nanoseconds after which another request may try: the first may wait for a token, or in line.
    static let attemptTime = 15 * World.second

    init(_ world: World) {
        self.world = world
        circuit = Circuit(
            upstream: "main", registry: "registry", isOfStorage: false,
            log: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() })
    }

    var isClosed: Bool { openedAt == nil }

    /// Whether a request may go to the registry, and whether it is the one that tries it.
    func mayTry() -> (Bool, isTry: Bool) {
        let isAllowed = triedAt.map { world.now >= $0 + Self.attemptTime } ?? openedAt.map { world.now >= $0 + pause } ?? true
        let mayTry = circuit.mayTry(at: world.instant)
        world.check(mayTry == isAllowed, "\(mayTry ? "a" : "no") request may try a registry, \(waiting)")
        guard openedAt != nil, mayTry else { return (mayTry, false) }
        if triedAt == nil, pause == 60 * World.second { world.count(.triedAfterLongestPause) }
        world.count(.tried)
        triedAt = world.now
        return (true, true)
    }

    func succeeded() {
        circuit.succeeded(at: world.instant)
        if openedAt == nil {
            note(isFailure: false)
        } else {
            world.count(.closed)
            (results, openedAt, triedAt, failedTries) = ([], nil, nil, 0)
        }
        failuresInARow = 0
        check()
    }

    func failed() {
        circuit.failed(because: "simulated", at: world.instant)
        if openedAt == nil {
            note(isFailure: true)
            failuresInARow += 1
            if failuresInARow == 5 || results.count(where: { $0 }) == 10 {
                openedAt = world.now
                world.count(.opened)
            }
        } else if triedAt != nil || world.now >= (openedAt ?? 0) + pause {
            // Past the pause whatever goes there is a try.
            if triedAt == nil, pause == 60 * World.second { world.count(.triedAfterLongestPause) }
            (openedAt, triedAt) = (world.now, nil)
            failedTries += 1
        }
        check()
    }

    /// Nanoseconds from the opening, or from the last failed try, to the next one.
    private var pause: Int { min(5 << min(failedTries, 6), 60) * World.second }

    private var waiting: String {
        "\(Double(world.now - (triedAt ?? openedAt ?? 0)) / 1e9) s after it \(triedAt == nil ? "failed" : "was tried"), \(failedTries) failed tries"
    }

    private func note(isFailure: Bool) {
        results.append(isFailure)
        if results.count > 20 { results.removeFirst() }
    }

    private func check() {
        world.check(
            circuit.isClosed == isClosed,
            "a breaker is \(isClosed ? "open" : "closed") after \(failuresInARow) failures in a row, \(results)")
    }
}
