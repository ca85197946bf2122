import Glibc

/// Runs one slow function on a thread of its own. Swift's pool has one thread for each core, which all asynchronous code shares, so a hash
/// that takes tens of milliseconds must not run there.
final class HashingThread: Sendable {
    private let work: @Sendable () -> Bool
    private let continuation: CheckedContinuation<Bool, Never>

    private init(_ work: @escaping @Sendable () -> Bool, _ continuation: CheckedContinuation<Bool, Never>) {
        (self.work, self.continuation) = (work, continuation)
    }

    /// Returns what `work` returns.
    static func run(_ work: @escaping @Sendable () -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            let box = Unmanaged.passRetained(HashingThread(work, continuation))
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { box in
                    guard let box else { return nil }
                    let hashing = Unmanaged<HashingThread>.fromOpaque(box).takeRetainedValue()
                    hashing.continuation.resume(returning: hashing.work())
                    return nil
                }, box.toOpaque())
            guard code != 0 else { return _ = pthread_detach(thread) }
            // No thread could be created: run it here.
            box.release()
            continuation.resume(returning: work())
        }
    }
}
