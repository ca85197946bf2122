import Foundation

/// Files that the configuration names, looked at while it is read: a path that cannot be used is a problem of its key.
enum Files {
    /// Policies, passwords and users are far smaller.
    private static let bytesAtMost = 4 << 20

    static func readable(_ path: String, _ section: Section, _ key: String) -> String? {
        if FileManager.default.isReadableFile(atPath: path), !path.isEmpty { return path }
        section.problem(key, "'\(path)' cannot be read; it must be a file that Berth's user may read")
        return nil
    }

    static func text(_ path: String, _ section: Section, _ key: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path), data.count <= bytesAtMost,
            let text = String(data: data, encoding: .utf8)
        else {
            section.problem(key, "'\(path)' cannot be read as text of at most 4MiB")
            return nil
        }
        return text
    }

    /// Without the line end that editors add.
    static func password(_ path: String, _ section: Section, _ key: String) -> String? {
        guard let text = text(path, section, key) else { return nil }
        guard let password = trimmedPassword(text) else {
            section.problem(key, "'\(path)' holds no password")
            return nil
        }
        return password
    }

    static func trimmedPassword(_ text: String) -> String? {
        let password = text.hasSuffix("\r\n") ? String(text.dropLast()) : text.hasSuffix("\n") ? String(text.dropLast()) : text
        return password.isEmpty ? nil : password
    }
}
