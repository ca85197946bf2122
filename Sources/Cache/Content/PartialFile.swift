import Synchronization

/// The file of a fill while it is being written. Called by one disk thread at a time.
final class PartialFile: Sendable {
    let directory: CacheDirectory
    private let content: CachedContent
    private let size: Int
    private let disk: DiskThreads
    private let state: Mutex<State>

    private struct State {
        /// Those that are written.
        var bytes: HashedBytes
        /// nil: not made yet.
        var file: (name: String, content: ContentFile)?
        var isDiscarded = false
    }

    init(of content: CachedContent, size: Int, in directory: CacheDirectory, disk: DiskThreads) {
        (self.content, self.size, self.directory, self.disk) = (content, size, directory, disk)
        state = Mutex(State(bytes: HashedBytes(of: content.digest, size: size)))
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
            guard !state.isDiscarded, state.bytes.count + bytes.count <= size else { return .ended }
            let file = try file(&state)
            try directory.files.write(bytes, to: file.content.descriptor, at: state.bytes.count)
            state.bytes.append(bytes)
            guard state.bytes.count == size else {
                content.advance(to: state.bytes.count)
                return .growing
            }
            return state.bytes.areRight() ? .whole(name: file.name, memory: state.bytes.memory) : .corrupt
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
