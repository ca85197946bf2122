import Glibc

/// The system's calls.
struct SystemFiles: FileCalls {
    private static let directoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    /// O_NOATIME, which Glibc does not define.
    private static let noAccessTime: Int32 = 0o1000000

    func openRoot(_ path: String) throws(FileError) -> Int32 {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError("mkdir", path) }
        let descriptor = Glibc.open(path, Self.directoryFlags)
        guard descriptor >= 0 else { throw FileError("open", path) }
        return descriptor
    }

    func openDirectory(_ name: String, in directory: Int32) throws(FileError) -> Int32 {
        let descriptor = openat(directory, name, Self.directoryFlags | O_NOFOLLOW)
        guard descriptor >= 0 else { throw FileError("openat", name) }
        return descriptor
    }

    func makeDirectory(_ name: String, in directory: Int32) throws(FileError) {
        guard mkdirat(directory, name, 0o700) == 0 || errno == EEXIST else { throw FileError("mkdirat", name) }
    }

    func names(in directory: Int32) throws(FileError) -> [String] {
        // fdopendir takes the descriptor over, and a duplicate would share its position.
        let own = openat(directory, ".", Self.directoryFlags)
        guard own >= 0 else { throw FileError("openat", ".") }
        guard let stream = fdopendir(own) else {
            let error = FileError("fdopendir")
            close(own)
            throw error
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileError("readdir") }
                return names
            }
            // By address: the array of the imported type is 256 bytes long, the entry only as long as its name.
            let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
            let name = String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
            if name != ".", name != ".." { names.append(name) }
        }
    }

    func status(of name: String, in directory: Int32) throws(FileError) -> FileStatus {
        var status = stat()
        guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw FileError("fstatat", name) }
        return Self.status(status)
    }

    func open(_ name: String, in directory: Int32) throws(FileError) -> Int32 {
        let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        // The time of the last read would be written down by the loop that sends the file, which may wait for the disk.
        var descriptor = openat(directory, name, flags | Self.noAccessTime)
        // A file of another user.
        if descriptor < 0, errno == EPERM { descriptor = openat(directory, name, flags) }
        guard descriptor >= 0 else { throw FileError("openat", name) }
        return descriptor
    }

    func create(_ name: String, in directory: Int32, isNew: Bool) throws(FileError) -> Int32 {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (isNew ? O_EXCL | Self.noAccessTime : 0)
        let descriptor = openat(directory, name, flags, 0o600)
        guard descriptor >= 0 else { throw FileError("openat", name) }
        return descriptor
    }

    func status(of descriptor: Int32) throws(FileError) -> FileStatus {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("fstat") }
        return Self.status(status)
    }

    func read(_ descriptor: Int32, into memory: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        while true {
            let count = pread(descriptor, memory.baseAddress, memory.count, offset)
            if count >= 0 { return count }
            guard errno == EINTR else { throw FileError("pread") }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, offset + written)
            guard count >= 0 || errno == EINTR else { throw FileError("pwrite") }
            // Not documented to happen, and it would go on for ever.
            guard count != 0 else { throw FileError("pwrite", code: ENOSPC) }
            written += max(count, 0)
        }
    }

    func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(FileError) {
        guard renameat(directory, name, newDirectory, newName) == 0 else { throw FileError("renameat", newName) }
    }

    func remove(_ name: String, in directory: Int32) throws(FileError) {
        guard unlinkat(directory, name, 0) == 0 else { throw FileError("unlinkat", name) }
    }

    func touch(_ name: String, in directory: Int32) throws(FileError) {
        guard utimensat(directory, name, nil, AT_SYMLINK_NOFOLLOW) == 0 else { throw FileError("utimensat", name) }
    }

    func sync(_ descriptor: Int32) throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError("fsync") }
    }

    func lock(_ descriptor: Int32) throws(FileError) -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw FileError("flock") }
        }
        return true
    }

    func space(of descriptor: Int32) throws(FileError) -> FileSystemSpace {
        var space = statvfs()
        guard fstatvfs(descriptor, &space) == 0 else { throw FileError("fstatvfs") }
        return FileSystemSpace(
            total: Self.bytes(space.f_blocks, of: space.f_frsize), free: Self.bytes(space.f_bavail, of: space.f_frsize))
    }

    /// At most an exbibyte, so that sums do not overflow: some file systems without a bound report nearly 2^63 bytes, or more.
    static func bytes(_ blocks: UInt, of size: UInt) -> Int {
        let (bytes, isTooMuch) = blocks.multipliedReportingOverflow(by: size)
        return isTooMuch ? 1 << 60 : Int(min(bytes, 1 << 60))
    }

    func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

    private static func status(_ status: stat) -> FileStatus {
        FileStatus(
            isRegular: status.st_mode & S_IFMT == S_IFREG, size: Int(status.st_size), modified: status.st_mtim.tv_sec,
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}
