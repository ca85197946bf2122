package import Registry
import Synchronization

/// A content that is read now, by any number of readers on any loop. It may still be growing: while a fill writes it, or while the bytes of a
/// file that was found at the start are checked. Readers follow `available` and never go beyond it.
package final class CachedContent: Sendable {
    /// What its bytes hash to, when it is whole.
    package let digest: Digest
    /// The host of the registry for which it is downloaded, or was; nil: it is a file that was found at the start.
    package let registry: String?
    private let condition: Mutex<Condition>

    /// How far a content has come.
    package enum Phase: Sendable {
        /// Its fill has been claimed; the upstream has not responded. The size is not known.
        case announced
        /// More becomes available.
        case growing
        /// All of it is available, and right.
        case whole
        /// No more becomes available: the upstream or the disk failed, or the fill was declined. What was available is what the upstream sent;
        /// readers go on from the upstream at their byte.
        case broken
        /// The bytes are not those of the digest, or the check of a file has broken off. Readers' connections must be cut.
        case corrupt
    }

    /// Where a content stands.
    package struct Progress: Sendable, Equatable {
        /// Whether more will come.
        package var phase: Phase
        /// Bytes; 0 while announced.
        package var size: Int
        /// Bytes from its start that may be read. Less than `size` until the content is whole: the last bytes, at least one and at most
        /// `maxHeldBack`, are held back until the digest is known to be right.
        package var available: Int
    }

    /// Bytes at the end that nobody is sent before the digest is known to be right. At least one, if there is one.
    package static let maxHeldBack = 64 << 10

    private struct Condition {
        var progress: Progress
        var mediaType: String?
        var file: ContentFile?
        var memory: [UInt8]?
        var waiters: [Waiter] = []
        var lastWaiter = 0
    }

    private struct Waiter {
        let number: Int, offset: Int
        let resume: @Sendable () -> Void
    }

    /// Of a file.
    init(_ digest: Digest, progress: Progress, mediaType: String?) {
        (self.digest, registry) = (digest, nil)
        condition = Mutex(Condition(progress: progress, mediaType: mediaType))
    }

    /// Of a fill.
    init(_ digest: Digest, from registry: String) {
        (self.digest, self.registry) = (digest, registry)
        condition = Mutex(Condition(progress: Progress(phase: .announced, size: 0, available: 0)))
    }

    // MARK: For readers

    /// A download writes it, or has written it.
    package var isFill: Bool { registry != nil }
    /// Takes a short lock.
    package var progress: Progress { condition.withLock { $0.progress } }
    /// Of a manifest; nil: it is a blob, or the content is only announced.
    package var mediaType: String? { condition.withLock { $0.mediaType } }
    /// All bytes of a small content that is whole; no file is needed then. nil: read the file.
    package var memory: [UInt8]? { condition.withLock { $0.memory } }
    /// The file, if it is open. `CacheStore.file(of:)` opens it otherwise.
    package var file: ContentFile? { condition.withLock { $0.file } }
    /// Where the bytes are at this moment: a small content loses its file when it gets its bytes.
    package var place: (memory: [UInt8]?, file: ContentFile?) { condition.withLock { ($0.memory, $0.file) } }

    /// Waits until more than `offset` bytes are available, or no more will be. An `offset` of -1 waits until the size is known.
    /// Cannot be cancelled: where a client may leave meanwhile, `notify` is to be used.
    package func wait(beyond offset: Int) async -> Progress {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            if notify(beyond: offset, { continuation.resume() }) == nil { continuation.resume() }
        }
        return progress
    }

    /// Calls `work` once, on any thread, when more than `offset` bytes are available or no more will be. It must be short: usually
    /// `loop.execute`.
    /// - Returns: a number for `cancelNotification`; nil: that is so already, and `work` is not called.
    package func notify(beyond offset: Int, _ work: @escaping @Sendable () -> Void) -> Int? {
        condition.withLock { condition in
            guard !condition.progress.isBeyond(offset) else { return nil }
            condition.lastWaiter += 1
            condition.waiters.append(Waiter(number: condition.lastWaiter, offset: offset, resume: work))
            return condition.lastWaiter
        }
    }

    /// The work is not called any more, unless it is being called now.
    package func cancelNotification(_ number: Int) {
        condition.withLock { condition in condition.waiters.removeAll { $0.number == number } }
    }

    // MARK: For who writes it

    /// The upstream has responded.
    func begin(size: Int, mediaType: String?) {
        change { condition in
            condition.progress = Progress(phase: .growing, size: size, available: 0)
            condition.mediaType = mediaType
        }
    }

    /// So many bytes have been written and hashed. Those at the end are held back.
    func advance(to written: Int) {
        change { condition in
            let size = condition.progress.size
            condition.progress.available = max(0, min(written, size - min(Self.maxHeldBack, size)))
        }
    }

    /// Nothing changes afterwards. Bytes whose check does not come to its end may be wrong: readers are cut who may have some.
    /// - Parameter memory: its bytes; its file is not needed then.
    /// - Returns: false: it had ended before.
    @discardableResult
    func end(_ phase: Phase, memory: [UInt8]? = nil) -> Bool {
        change { condition in
            let isUnchecked = phase == .broken && !isFill && condition.progress.available > 0
            condition.progress.phase = isUnchecked ? .corrupt : phase
            guard phase == .whole else { return }
            condition.progress.available = condition.progress.size
            condition.memory = memory
            if memory != nil { condition.file = nil }
        }
    }

    /// Readers may have it from here on.
    func setFile(_ file: ContentFile) { condition.withLock { $0.file = file } }

    /// - Returns: false: it has ended, and nothing was changed.
    @discardableResult
    private func change(_ change: (inout Condition) -> Void) -> Bool {
        let ready: [Waiter]? = condition.withLock { condition in
            guard !condition.progress.phase.isEnd else { return nil }
            change(&condition)
            guard !condition.waiters.isEmpty else { return [] }
            let progress = condition.progress
            let ready = condition.waiters.filter { progress.isBeyond($0.offset) }
            if !ready.isEmpty { condition.waiters.removeAll { progress.isBeyond($0.offset) } }
            return ready
        }
        // Outside the lock: what is resumed may ask at once.
        for waiter in ready ?? [] { waiter.resume() }
        return ready != nil
    }
}

extension CachedContent.Phase {
    /// Nothing changes any more.
    package var isEnd: Bool { self == .whole || self == .broken || self == .corrupt }
    /// A new reader may join.
    var isReadable: Bool { self != .broken && self != .corrupt }
}

extension CachedContent.Progress {
    /// Whether a reader at this offset need not wait.
    fileprivate func isBeyond(_ offset: Int) -> Bool { phase.isEnd || phase == .growing && available > offset }
}
