import Synchronization
import Transport

/// Hashes a file that was found at the start, while its first readers follow: what the disk may have changed is never served as a whole. Runs on
/// disk threads, in steps, so that others have their turn.
final class Verification: Sendable {
    private let content: CachedContent
    private let size: Int
    private let directory: CacheDirectory
    private let ledger: ContentLedger
    private let disk: DiskThreads
    private let state: Mutex<State>

    private struct State {
        /// Those that have been read.
        var bytes: HashedBytes
        /// nil: not opened yet.
        var file: ContentFile?
    }

    /// Pieces of a step: two mebibytes, about a millisecond.
    private static let piecesPerStep = 8

    init(of content: CachedContent, in directory: CacheDirectory, ledger: ContentLedger, disk: DiskThreads) {
        (self.content, self.directory, self.ledger, self.disk) = (content, directory, ledger, disk)
        size = content.progress.size
        state = Mutex(State(bytes: HashedBytes(of: content.digest, size: size)))
    }

    func start() { disk.perform { self.step() } }

    private func step() {
        let buffer = FillBuffer()
        readAhead()
        do throws(FileError) {
            for _ in 0..<Self.piecesPerStep {
                guard !content.progress.phase.isEnd else { return }
                let isEnd = try state.withLock { state throws(FileError) -> Bool in try hashPiece(&state, buffer) }
                if isEnd { return }
            }
            start()
        } catch {
            end(.broken, error: error)
        }
    }

    /// Of this step and the next one.
    private func readAhead() {
        let (file, offset) = state.withLock { ($0.file, $0.bytes.count) }
        let end = min(size, offset + 2 * Self.piecesPerStep * FillBuffer.capacity)
        if let file { PageCache.request(offset..<end, of: file.descriptor) }
    }

    /// - Returns: whether it has ended.
    private func hashPiece(_ state: inout State, _ buffer: FillBuffer) throws(FileError) -> Bool {
        if state.file == nil { state.file = try open() }
        guard let file = state.file else {
            end(.broken)
            return true
        }
        let offset = state.bytes.count
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer.memory[..<min(FillBuffer.capacity, size - offset)])
        let count = room.isEmpty ? 0 : try directory.files.read(file.descriptor, into: room, at: offset)
        state.bytes.append(UnsafeRawBufferPointer(rebasing: room[..<count]))
        if state.bytes.count < size {
            content.advance(to: state.bytes.count)
            // It has become shorter.
            if count == 0 { end(.broken) }
            return count == 0
        }
        end(state.bytes.areRight() ? .whole : .corrupt, memory: state.bytes.memory)
        return true
    }

    private func open() throws(FileError) -> ContentFile? {
        guard let descriptor = try directory.open(content.digest, size: size) else { return nil }
        let file = ContentFile(owning: descriptor, files: directory.files, disk: disk)
        content.setFile(file)
        return file
    }

    /// The ledger is told first: a reader that sees the end finds the cache as it is from then on.
    private func end(_ phase: CachedContent.Phase, memory: [UInt8]? = nil, error: FileError? = nil) {
        switch phase {
        case .whole: ledger.verified(content, size: size)
        case .corrupt: ledger.corrupt(content, isFill: false)
        default: ledger.unreadable(content, error, in: directory)
        }
        content.end(phase, memory: phase == .whole ? memory : nil)
    }
}
