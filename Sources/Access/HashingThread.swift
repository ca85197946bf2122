import Transport

/// Runs one slow function on a thread of its own. Swift's pool has one thread for each core, which all asynchronous code shares, so a hash
/// that takes tens of milliseconds must not run there.
enum HashingThread {
    /// Returns what `work` returns.
    static func run(_ work: @escaping @Sendable () -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            guard startThread(named: "hashing", { continuation.resume(returning: work()) }) else {
                return continuation.resume(returning: work())
            }
        }
    }
}
