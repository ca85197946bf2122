import Synchronization

/// The right to write one content, which one caller has. Its bytes are hashed and written by the disk's threads, in order; several fills go on at
/// the same time. A fill that is let go unfinished is abandoned: its content is broken, and its file goes.
///
/// In this order: `begin`, then for each piece `buffer` and `append`, then `finish`.
package final class Fill: Sendable {
    /// What is written. Its readers follow it.
    package let content: CachedContent
    private let ledger: ContentLedger
    private let disk: DiskThreads
    private let state = Mutex(State())

    private struct State {
        /// nil: not begun, or ended.
        var file: PartialFile?
        var size = 0
        /// Bytes that were passed on.
        var appended = 0
        /// Passed on, not yet written.
        var queue: [FillBuffer] = []
        /// Written; to be used again.
        var spare: [FillBuffer] = []
        var buffers = 0
        /// The filler, while no buffer is free.
        var waiting: UnsafeContinuation<FillBuffer?, Never>?
        /// A disk thread writes, or will.
        var isWriting = false
    }

    /// Buffers of one fill: three quarters of a mebibyte.
    package static let maxBuffers = 3

    init(_ content: CachedContent, ledger: ContentLedger, disk: DiskThreads) {
        (self.content, self.ledger, self.disk) = (content, ledger, disk)
    }

    deinit { abandon() }

    /// The upstream has responded and says how many bytes will come. From here on others may read.
    /// - Parameter mediaType: of a manifest, the response's `Content-Type`. Kept if it is at most 255 characters of printable ASCII. nil: it is a blob.
    /// - Returns: false: the cache does not take the content: it is too large, there is no room, or the cache is off. The fill is abandoned.
    package func begin(size: Int, mediaType: String?) -> Bool {
        guard size >= 0, let room = ledger.reserve(content, size: size) else {
            abandon()
            return false
        }
        state.withLock { state in
            state.file = PartialFile(of: content, size: size, in: room.directory, disk: disk)
            state.size = size
            state.isWriting = !room.isFree
        }
        content.begin(size: size, mediaType: Sidecar.mediaType(mediaType))
        // The directory never has more than its size.
        if !room.isFree { ledger.afterRemovals { self.disk.perform { self.writeNext() } } }
        // Also while a disk thread does not come back with a buffer.
        _ = content.notify(beyond: .max) { [weak self] in self?.endWaiting() }
        // Nothing will be appended.
        if size == 0 { append(FillBuffer()) }
        return true
    }

    /// A buffer to read the next bytes into. Waits while the disk is slower than the upstream: a fill has at most `maxBuffers`. The caller has one
    /// at a time.
    /// - Returns: nil: the fill is abandoned; see the content's phase.
    package func buffer() async -> FillBuffer? {
        let buffer = await freeBuffer()
        buffer?.room = FillBuffer.capacity - state.withLock { $0.appended } % FillBuffer.capacity
        return buffer
    }

    private func freeBuffer() async -> FillBuffer? {
        if let buffer = state.withLock({ Self.free(&$0) }) { return content.progress.phase.isEnd ? nil : buffer }
        return await withUnsafeContinuation { (continuation: UnsafeContinuation<FillBuffer?, Never>) in
            let buffer = state.withLock { state in
                guard let buffer = Self.free(&state) else {
                    state.waiting = continuation
                    return FillBuffer?.none
                }
                return buffer
            }
            if let buffer { continuation.resume(returning: buffer) }
            if content.progress.phase.isEnd { endWaiting() }
        }
    }

    private func endWaiting() { state.withLock { $0.waiting.take() }?.resume(returning: nil) }

    private static func free(_ state: inout State) -> FillBuffer? {
        if let buffer = state.spare.popLast() { return buffer }
        guard state.buffers < maxBuffers else { return nil }
        state.buffers += 1
        return FillBuffer()
    }

    /// Passes a buffer on to the disk, without waiting. It is not the caller's any more. More bytes than announced abandon the fill.
    package func append(_ buffer: FillBuffer) {
        let isToStart = state.withLock { state in
            state.queue.append(buffer)
            state.appended += buffer.count
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if isToStart { disk.perform { self.writeNext() } }
    }

    /// All bytes have been appended. Waits until they are written and the digest is known to be right or wrong.
    /// - Returns: `whole`, `corrupt` or `broken`. Bytes were missing: `broken`.
    package func finish() async -> CachedContent.Phase {
        if state.withLock({ $0.file == nil || $0.appended != $0.size }) { abandon() }
        return await content.wait(beyond: .max).phase
    }

    /// Ends it now, unless it has ended: the content is broken.
    package func abandon() {
        let isEnded = !content.end(.broken)
        // It is whole, and its file has its name or will have it.
        if isEnded, content.progress.phase == .whole { return }
        ledger.abandoned(content)
        if let file = state.withLock({ $0.file }) { disk.perform { file.discard() } }
    }

    // MARK: On a disk thread

    /// Goes on with what has come meanwhile, unless others wait: to wake another thread for each buffer costs a tenth of a fill.
    private func writeNext() {
        while writeBuffer() {
            guard disk.hasJobs else { continue }
            return disk.perform { self.writeNext() }
        }
    }

    /// - Returns: whether there are more.
    private func writeBuffer() -> Bool {
        let next: (FillBuffer, PartialFile?)? = state.withLock { state in
            state.isWriting = !state.queue.isEmpty
            return state.isWriting ? (state.queue.removeFirst(), state.file) : nil
        }
        guard let (buffer, file) = next else { return false }
        if let file, !content.progress.phase.isEnd { write(buffer, to: file) }
        let isEnd = content.progress.phase.isEnd
        buffer.count = 0
        let (waiting, hasMore) = state.withLock { state in
            defer { state.waiting = nil }
            if state.waiting == nil { state.spare.append(buffer) }
            state.isWriting = !state.queue.isEmpty
            return (state.waiting, state.isWriting)
        }
        waiting?.resume(returning: isEnd ? nil : buffer)
        return hasMore
    }

    private func write(_ buffer: FillBuffer, to file: PartialFile) {
        do throws(FileError) {
            switch try file.append(buffer) {
            case .growing: break
            case .whole(let name, let memory):
                // The ledger is told first, here and below: a reader that sees the end finds the cache as it is from then on.
                ledger.filled(content, size: content.progress.size, partial: name, in: file.directory)
                // Readers need not wait for the name.
                content.end(.whole, memory: memory)
            case .corrupt:
                file.discard()
                ledger.corrupt(content, isFill: true)
                content.end(.corrupt)
            case .ended: abandon()
            }
        } catch {
            ledger.failed(error, in: file.directory)
            abandon()
        }
    }
}
