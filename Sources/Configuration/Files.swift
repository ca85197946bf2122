import Foundation

/// Files that the configuration names, looked at while it is read: a path that cannot be used is a problem of its key.
enum Files {
    /// A file of thousands of users, a policy or a configuration is far smaller.
    private static let maxBytes = 4 << 20
    static let bound = "a file of text, of at most 4MiB, that Berth's user may read"

    /// nil when it cannot be read, is too long, or is not UTF-8. It need not be a regular file: no more is read than is allowed.
    static func text(_ path: String) -> String? { bytes(path).flatMap { String(data: $0, encoding: .utf8) } }

    static func bytes(_ path: String) -> Data? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        // At its end a file reads as nil.
        guard let bytes = try? file.read(upToCount: maxBytes + 1) ?? Data(), bytes.count <= maxBytes else { return nil }
        return bytes
    }

    /// Why a file cannot be used, after its name.
    static func fault(of path: String) -> String {
        var isDirectory: ObjCBool = false
        guard !path.isEmpty else { return "cannot be read" }
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            return
                "cannot be read: there is no such file\(path.hasPrefix("/") ? "" : " in \(FileManager.default.currentDirectoryPath)")"
        }
        return isDirectory.boolValue ? "cannot be read: it is a directory" : "cannot be read"
    }

    static func isReadable(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
            && FileManager.default.isReadableFile(atPath: path)
    }

    /// Nil when nothing is left.
    static func password(_ path: String) -> String? {
        guard let password = text(path)?.withoutLineEnd else { return nil }
        return password.isEmpty ? nil : password
    }
}

extension String {
    /// Without the one line end that editors and `echo` add. CR and LF together are one `Character`.
    var withoutLineEnd: String { last?.isNewline == true ? String(dropLast()) : self }
}

extension Section {
    /// The path of a file that can be read.
    func path(_ key: String) -> String? { usable(key, string(key)) { Files.isReadable($0) ? $0 : nil } }

    /// What is in the file that the key names.
    func fileText(_ key: String, isSecret: Bool = false) -> String? { usable(key, string(key), isSecret: isSecret, Files.text) }

    func requiredPath(_ key: String, _ allowed: String) -> String? {
        usable(key, required(key, allowed)) { Files.isReadable($0) ? $0 : nil }
    }

    private func usable(_ key: String, _ path: String?, isSecret: Bool = false, _ use: (String) -> String?) -> String? {
        guard let path else { return nil }
        if let result = use(path) { return result }
        // A secret that stands where its file's name belongs is not shown.
        let shown = isSecret ? "this file" : written(key)
        problem(key, "\(shown) \(Files.fault(of: path)); name \(Files.bound)")
        return nil
    }
}
