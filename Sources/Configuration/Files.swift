import FoundationEssentials
import Transport

/// Reads the files that the configuration names. A path that cannot be used is a problem of its key.
enum Files {
    /// Far more than a file of thousands of users, a policy or a configuration needs.
    private static let maxBytes = 4 << 20
    static let allowed = "a file of text, of at most 4MiB, that Berth's user may read"

    /// nil: it cannot be read, is longer than 4 MiB, or is not UTF-8. The path may name a pipe or a device: no more than the bound is read.
    static func text(_ path: String) -> String? { bytes(path).flatMap { String(bytes: $0, encoding: .utf8) } }

    /// nil: it cannot be read, or is longer than 4 MiB.
    static func bytes(_ path: String) -> [UInt8]? { readFile(path, limit: maxBytes, waits: true) }

    /// Why a file cannot be used; to be written after its name.
    static func problem(with path: String) -> String {
        var isDirectory = false
        guard !path.isEmpty else { return "cannot be read" }
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            let place = path.hasPrefix("/") ? "" : " in \(FileManager.default.currentDirectoryPath)"
            return "cannot be read: there is no such file\(place)"
        }
        if isDirectory { return "cannot be read: it is a directory" }
        guard FileManager.default.isReadableFile(atPath: path) else {
            return "cannot be read: its permissions do not allow it to this user"
        }
        guard let bytes = bytes(path) else { return "cannot be read: it has more than 4MiB" }
        return String(bytes: bytes, encoding: .utf8) == nil ? "cannot be read: it is not text" : "cannot be read"
    }

    static func isReadable(_ path: String) -> Bool {
        var isDirectory = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory
            && FileManager.default.isReadableFile(atPath: path)
    }

    /// A file's text without a line end at its end; nil: it cannot be read, or is empty.
    static func password(_ path: String) -> String? {
        guard let password = text(path)?.withoutLineEnd else { return nil }
        return password.isEmpty ? nil : password
    }
}

extension String {
    /// Without one line end at the end, which editors and `echo` add. CR and LF together are one `Character`.
    var withoutLineEnd: String { last?.isNewline == true ? String(dropLast()) : self }
}
