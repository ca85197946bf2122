import Foundation

@testable import Configuration

/// The repository that these tests are in.
enum Project {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// - Parameter path: from the root, like all paths here.
    static func text(_ path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

    /// A YAML file's mappings, lists and texts; nil: it is no mapping.
    static func yaml(_ path: String) throws -> [String: Any]? {
        func value(_ node: YAMLNode) -> Any {
            switch node.content {
            case .scalar(let text): text
            case .sequence(let items): items.map(value)
            case .mapping(let pairs): Dictionary(pairs.map { ($0.key.string ?? "", value($0.value)) }) { $1 }
            }
        }
        return try Document.compose(text(path)).map(value) as? [String: Any]
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root.appending(path: path).path) }

    /// The paths of the files in a folder and the folders in it, sorted. Hidden ones are left out.
    static func files(in folder: String) throws -> [String] {
        let start = root.appending(path: folder)
        guard
            let found = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
        else { throw CocoaError(.fileNoSuchFile) }
        return found.compactMap { $0 as? URL }.filter { !$0.hasDirectoryPath }
            .map { String($0.path.dropFirst(root.path.count + 1)) }.sorted()
    }

    /// What is read by people: sources, scripts, examples and documents, with their paths. Images and data are left out.
    static let texts: Result<[(path: String, text: String)], any Error> = Result {
        let kinds: Set = ["swift", "h", "md", "yaml", "yml", "py", "sh", "service", "modulemap", ""]
        let folders = ["Sources", "Tests", "deploy", ".github"], single = ["README.md", "openapi.yaml", "Package.swift"]
        return try (folders.flatMap(files) + single).filter { kinds.contains(URL(filePath: $0).pathExtension) }
            .map { ($0, try text($0)) }
    }

    /// The Swift files below `Sources`.
    static let sources: Result<[SwiftSource], any Error> = Result { try swift(in: "Sources") }
    /// The Swift files below `Tests`.
    static let tests: Result<[SwiftSource], any Error> = Result { try swift(in: "Tests") }

    private static func swift(in folder: String) throws -> [SwiftSource] {
        try files(in: folder).filter { $0.hasSuffix(".swift") }.map { SwiftSource(path: $0, text: try text($0)) }
    }
}
