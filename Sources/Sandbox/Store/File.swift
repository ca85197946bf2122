import Glibc

/// An open file.
final class File {
    private let descriptor: Int32
    private let path: String

    init(writing path: String, mode: mode_t = 0o600, truncate: Bool) throws(FileError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (truncate ? O_TRUNC : O_APPEND), mode)
        self.path = path
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    init(reading path: String) throws(FileError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func write(_ bytes: [UInt8]) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            guard count >= 0 || errno == EINTR else { throw FileError("write", path) }
            done += max(count, 0)
        }
    }

    /// Up to `count` bytes; fewer at the file's end.
    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
                if got > 0 {
                    filled += got
                } else if got == 0 {
                    break
                } else if errno != EINTR {
                    failure = FileError("pread", path)
                    break
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
