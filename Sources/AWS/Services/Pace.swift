import Synchronization
import Transport

/// How fast the calls of a service follow each other: freely, until AWS limits those of an operation, and then those more slowly for a while. For all
/// callers of the service.
final class Pace: Sendable {
    private let rates = Mutex<[String: Rate]>([:])
    private let now: @Sendable () -> Int

    /// A call waits for this long at most: AWS's response then says more than further waiting.
    private static let maxWait = 5_000_000_000

    /// - Parameter now: nanoseconds of a clock that only goes forward.
    init(now: @escaping @Sendable () -> Int = { BootClock.now }) { self.now = now }

    /// Returns when a call may be made.
    func turn(of operation: String, sleep: (Duration) async throws -> Void) async {
        let start = now()
        while case let time = now(), time - start < Self.maxWait {
            let wait = rates.withLock { $0[operation]?.take(at: time) ?? 0 }
            guard wait > 0 else { return }
            do { try await sleep(.nanoseconds(wait)) } catch { return }
        }
    }

    /// AWS has limited a call.
    func limited(_ operation: String) {
        let time = now()
        rates.withLock { $0[operation, default: Rate(quota: nil)].limited(at: time) }
    }
}
