import Glibc

/// A system call on a file failed.
struct FileError: Error, CustomStringConvertible {
    let call: StaticString, path: String, code: Int32
    init(_ call: StaticString, _ path: String) { (self.call, self.path, code) = (call, path, errno) }
    var description: String { "\(call): \(path): \(String(cString: strerror(code)))" }
}

/// The few things the sandbox does with files. They block, which is all right for a loop whose clients are tests.
enum Files {
    /// With its parents.
    static func makeDirectory(_ path: String) throws(FileError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw FileError("mkdir", path) }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError("mkdir", path) }
    }

    /// A new directory under `$TMPDIR` or `/tmp`.
    static func makeTemporaryDirectory() throws(FileError) -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/berth-sandbox-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError("mkdtemp", parent) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Readers see the old file or the new one, never a part.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(FileError) {
        // No name of ours ends so; a tag may well end in ".new".
        let temporary = path + "~"
        let file = try File(writing: temporary, mode: mode, truncate: true)
        try file.write(bytes)
        guard rename(temporary, path) == 0 else { throw FileError("rename", path) }
    }

    /// nil when there is none, or it has more than `limit` bytes.
    static func read(_ path: String, upTo limit: Int) throws(FileError) -> [UInt8]? {
        guard let size = size(of: path), size <= limit else { return nil }
        let file = try File(reading: path)
        return try file.read(at: 0, count: size)
    }

    static func size(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    /// Names in a directory; none when there is no such directory.
    static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func removeAll(_ path: String) {
        for name in list(path) { removeAll("\(path)/\(name)") }
        remove(path)
    }
}

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
