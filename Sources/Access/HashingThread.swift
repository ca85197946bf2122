import Glibc

/// A thread for one piece of slow work: Swift's pool has a thread for each core and everything asynchronous needs them, so what
/// takes tens of milliseconds by design stays off it.
final class HashingThread: Sendable {
    private let work: @Sendable () -> Bool
    private let continuation: CheckedContinuation<Bool, Never>

    private init(_ work: @escaping @Sendable () -> Bool, _ continuation: CheckedContinuation<Bool, Never>) {
        (self.work, self.continuation) = (work, continuation)
    }

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
            // No thread to be had: late is better than never.
            box.release()
            continuation.resume(returning: work())
        }
    }
}
