import Foundation

/// Files of a test in a directory of their own, which is removed with this object.
final class TemporaryFiles {
    let directory = FileManager.default.temporaryDirectory.appending(path: "berth-aws-\(UUID().uuidString)")

    init(_ files: [String: String] = [:]) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: directory.appending(path: name)) }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func path(_ name: String) -> String { directory.appending(path: name).path }
}
