import Glibc

/// File operations of the sandbox. They block its loop, which is acceptable as the clients are tests.
enum Files {
    /// Also makes the parents.
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
        // No other name ends in "~", whereas a tag may end in ".new".
        let temporary = path + "~"
        let file = try File(writing: temporary, mode: mode, truncate: true)
        try file.write(bytes)
        guard rename(temporary, path) == 0 else { throw FileError("rename", path) }
    }

    /// Returns nil when there is no file, or when it has more than `limit` bytes.
    static func read(_ path: String, upTo limit: Int) throws(FileError) -> [UInt8]? {
        guard let size = size(of: path), size <= limit else { return nil }
        let file = try File(reading: path)
        return try file.read(at: 0, count: size)
    }

    static func size(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    /// The names in a directory; empty when there is no such directory.
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
