import Crypto
import Registry
import Synchronization

/// The file of a fill while it is being written. Called by one disk thread at a time.
final class PartialFile: Sendable {
    let directory: CacheDirectory
    private let content: CachedContent
    private let size: Int
    private let disk: DiskThreads
    private let state: Mutex<State>

    private struct State {
        let hash: ContentHash
        /// nil: not made yet.
        var file: (name: String, content: ContentFile)?
        var written = 0
        /// The bytes of a small content.
        var memory: [UInt8]?
        var isDiscarded = false
    }

    init(of content: CachedContent, size: Int, in directory: CacheDirectory, disk: DiskThreads) {
        (self.content, self.size, self.directory, self.disk) = (content, size, directory, disk)
        state = Mutex(
            State(hash: ContentHash(isSHA512: content.digest.isSHA512), memory: KeptContents.isSmall(size) ? [] : nil))
    }

    /// How far it has come.
    enum Progress: Sendable {
        case growing
        /// All bytes are there. Small ones are returned.
        case whole(name: String, memory: [UInt8]?)
        /// All bytes are there, and are wrong.
        case corrupt
        /// More bytes came than were announced, or it had been discarded.
        case ended
    }

    /// Hashes and writes the next bytes, and lets readers have them.
    func append(_ buffer: FillBuffer) throws(FileError) -> Progress {
        try state.withLock { state throws(FileError) in
            let bytes = buffer.filled
            guard !state.isDiscarded, state.written + bytes.count <= size else { return .ended }
            let file = try file(&state)
            state.hash.update(bytes)
            try directory.files.write(bytes, to: file.content.descriptor, at: state.written)
            state.written += bytes.count
            state.memory?.append(contentsOf: bytes)
            guard state.written == size else {
                content.advance(to: state.written)
                return .growing
            }
            guard state.hash.digest() == Hexadecimal.decoded(Array(content.digest.fileName.utf8)[...]) else { return .corrupt }
            return .whole(name: file.name, memory: state.memory)
        }
    }

    private func file(_ state: inout State) throws(FileError) -> (name: String, content: ContentFile) {
        if let file = state.file { return file }
        let (name, descriptor) = try directory.createPartial()
        let file = (name, ContentFile(owning: descriptor, files: directory.files, disk: disk))
        state.file = file
        content.setFile(file.1)
        return file
    }

    /// Removes it. Those who read it may go on.
    func discard() {
        let name = state.withLock { state in
            state.isDiscarded = true
            return state.file?.name
        }
        if let name { directory.removePartial(name) }
    }
}
