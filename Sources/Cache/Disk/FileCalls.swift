/// All that the cache asks of the system's files: one narrow seam, at which tests let each call fail. A name is relative to an open directory, and
/// is never followed if it is a symbolic link. From any thread; every call may wait for the disk.
protocol FileCalls: Sendable {
    /// Opens a directory by its path, in which symbolic links are followed: the operator chose it. Makes it if it is missing.
    func openRoot(_ path: String) throws(FileError) -> Int32
    func openDirectory(_ name: String, in directory: Int32) throws(FileError) -> Int32
    /// Does nothing if there is something of that name.
    func makeDirectory(_ name: String, in directory: Int32) throws(FileError)
    /// All names but `.` and `..`, in any order.
    func names(in directory: Int32) throws(FileError) -> [String]
    /// Of whatever has this name.
    func status(of name: String, in directory: Int32) throws(FileError) -> FileStatus
    /// For reading. Does not wait for the other end of a pipe.
    func open(_ name: String, in directory: Int32) throws(FileError) -> Int32
    /// For reading and writing, readable by this user only.
    /// - Parameter isNew: it must not exist; otherwise one that exists is opened.
    func create(_ name: String, in directory: Int32, isNew: Bool) throws(FileError) -> Int32
    func status(of descriptor: Int32) throws(FileError) -> FileStatus
    /// - Returns: bytes read; 0 at the end.
    func read(_ descriptor: Int32, into memory: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int
    /// Writes all bytes.
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) throws(FileError)
    /// Replaces what has the new name.
    func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(FileError)
    /// Removes a file, or whatever else is no directory.
    func remove(_ name: String, in directory: Int32) throws(FileError)
    /// Sets the time of its last change to now.
    func touch(_ name: String, in directory: Int32) throws(FileError)
    /// Waits until it is on the disk.
    func sync(_ descriptor: Int32) throws(FileError)
    /// - Returns: false: another process has it.
    func lock(_ descriptor: Int32) throws(FileError) -> Bool
    func space(of descriptor: Int32) throws(FileError) -> FileSystemSpace
    func close(_ descriptor: Int32)
}

/// What the system says of a file.
struct FileStatus: Sendable, Equatable {
    var isRegular: Bool
    /// Bytes.
    var size: Int
    /// Seconds since 1970.
    var modified: Int
    /// Which file it is.
    var device: UInt64, inode: UInt64
}

/// Bytes of a file system: in all, and those that this process may still write.
struct FileSystemSpace: Sendable, Equatable {
    var total: Int, free: Int
}

extension FileCalls {
    /// Writes a small file from its start.
    func write(_ bytes: [UInt8], to descriptor: Int32, at offset: Int = 0) throws(FileError) {
        // withUnsafeBytes does not pass a typed error on.
        let result = bytes.withUnsafeBytes { memory in
            Result<Void, FileError> { () throws(FileError) in try write(memory, to: descriptor, at: offset) }
        }
        try result.get()
    }

    /// The bytes of a small regular file.
    /// - Returns: nil: it is no regular file, or has more than `limit` bytes.
    func contents(of name: String, in directory: Int32, limit: Int) throws(FileError) -> [UInt8]? {
        let descriptor = try open(name, in: directory)
        defer { close(descriptor) }
        let status = try status(of: descriptor)
        guard status.isRegular, status.size <= limit else { return nil }
        var error: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: status.size) { memory, count in
            do throws(FileError) {
                while count < status.size {
                    let got = try read(
                        descriptor, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(memory)[count...]),
                        at: count)
                    guard got > 0 else { break }
                    count += got
                }
            } catch let failure {
                error = failure
            }
        }
        if let error { throw error }
        return bytes
    }
}
