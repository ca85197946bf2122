import Synchronization

/// An open directory with one owner.
final class DirectoryHandle: Sendable {
    let descriptor: Int32
    private let files: any FileCalls

    init(_ descriptor: Int32, _ files: any FileCalls) { (self.descriptor, self.files) = (descriptor, files) }

    deinit { files.close(descriptor) }
}

/// The lock of the cache's directory. It belongs to the open file: closing it gives it up, also when the process is killed.
final class DirectoryLock: Sendable {
    /// nil: given up.
    private let descriptor: Mutex<Int32?>
    private let files: any FileCalls

    /// Takes over the open lock file.
    init(_ descriptor: Int32, _ files: any FileCalls) {
        self.descriptor = Mutex(descriptor)
        self.files = files
    }

    deinit { release() }

    var isReleased: Bool { descriptor.withLock { $0 == nil } }

    /// - Returns: false: another process has it.
    func take() throws(FileError) -> Bool {
        guard let descriptor = descriptor.withLock({ $0 }) else { return false }
        return try files.lock(descriptor)
    }

    func release() {
        let open = descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let open { files.close(open) }
    }
}
