import AWS
import Foundation
import Synchronization
import Testing

/// A clock that moves only when a test says so, from one sleeper's end to the next: days in milliseconds, independent of the machine's load.
final class SimulatedClock: Sendable {
    private struct State {
        var now = Date(timeIntervalSince1970: 1_800_000_000)
        /// How far this machine's clock is off.
        var offset: TimeInterval = 0
        var naps = 0
        var sleepers: [Int: (end: Date, continuation: CheckedContinuation<Bool, Never>)] = [:]
    }

    private let state = Mutex(State())

    /// The true time.
    var now: Date { state.withLock { $0.now } }
    /// What this machine's clock shows.
    var shown: Date { state.withLock { $0.now.addingTimeInterval($0.offset) } }
    /// Sets this machine's clock off by these seconds.
    func setOff(by seconds: TimeInterval) { state.withLock { $0.offset = seconds } }
    private var naps: Int { state.withLock { $0.naps } }

    var keeperClock: KeeperClock {
        KeeperClock(now: { self.shown }, sleep: { try await self.sleep($0) }, random: { .random(in: 0..<1) })
    }

    private func sleep(_ duration: Duration) async throws {
        let number = state.withLock {
            $0.naps += 1
            return $0.naps
        }
        let wasWoken = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.sleepers[number] = ($0.now.addingTimeInterval(duration / .seconds(1)), continuation) }
                // Checked last, as a cancellation before this found no sleeper to end.
                if Task.isCancelled {
                    state.withLock { $0.sleepers.removeValue(forKey: number) }?.continuation.resume(returning: false)
                }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: number) }?.continuation.resume(returning: false)
        }
        if !wasWoken { throw CancellationError() }
    }

    /// Lets `seconds` pass for a keeper that no caller waits for. When the keeper is idle, exactly one sleep of its is pending.
    func pass(_ seconds: TimeInterval, then look: () -> Void = {}) async throws {
        let target = now.addingTimeInterval(seconds)
        while true {
            try await settle { state in state.sleepers.count == 1 }
            let woken = state.withLock { state -> (naps: Int, continuation: CheckedContinuation<Bool, Never>)? in
                guard let (number, sleeper) = state.sleepers.first, sleeper.end <= target else {
                    state.now = target
                    return nil
                }
                state.now = max(state.now, sleeper.end)
                state.sleepers[number] = nil
                return (state.naps, sleeper.continuation)
            }
            guard let woken else { return look() }
            woken.continuation.resume(returning: true)
            try await settle { state in state.naps > woken.naps && state.sleepers.count == 1 }
            look()
        }
    }

    private func settle(_ isSettled: (State) -> Bool) async throws {
        for _ in 0..<100_000 {
            if state.withLock({ isSettled($0) }) { return }
            try await Task.sleep(for: .microseconds(100))
        }
        Issue.record("the keeper neither sleeps nor ends")
        throw CancellationError()
    }
}
