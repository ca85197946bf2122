import Registry

/// Reads what a former process has left, and removes what is not whole.
struct DirectoryScan {
    let directory: CacheDirectory
    /// Asked before each folder.
    let goesOn: () -> Bool
    /// What many contents have in common, so that it is in memory once.
    private var sources: Set<ContentSource> = [], mediaTypes: Set<String> = []

    init(_ directory: CacheDirectory, while goesOn: @escaping () -> Bool) { (self.directory, self.goesOn) = (directory, goesOn) }

    /// A content with its sidecar.
    struct Content: Sendable {
        let digest: Digest
        var sidecar: Sidecar
        /// When it was last used, as its file's time tells: in seconds since 1970.
        let lastUse: Int
    }

    private var files: any FileCalls { directory.files }

    /// All contents, the one first that has not been used for the longest time.
    /// - Returns: nil: it was not to go on.
    mutating func contents() throws(FileError) -> [Content]? {
        var found: [Content] = []
        for (prefix, folder) in directory.algorithms {
            for name in try files.names(in: folder.descriptor) where Self.isFolderName(name) {
                guard goesOn() else { return nil }
                do throws(FileError) {
                    let inner = try files.openDirectory(name, in: folder.descriptor)
                    defer { files.close(inner) }
                    try add(contentsOf: inner, prefix: prefix, folder: name, to: &found)
                } catch  where error.isNoDirectory {}
            }
        }
        return found.sorted { $0.lastUse < $1.lastUse }
    }

    private mutating func add(
        contentsOf folder: Int32, prefix: String, folder folderName: String, to found: inout [Content]
    ) throws(FileError) {
        let names = Set(try files.names(in: folder))
        for name in names {
            let isSidecar = name.hasSuffix(Digest.sidecarSuffix)
            let hex = isSidecar ? String(name.dropLast(Digest.sidecarSuffix.count)) : name
            // What the cache would not have named so is not its own: it stays.
            guard let digest = Digest(prefix + hex), hex.hasPrefix(folderName) else { continue }
            // Either of the two leads to the pair, and one of the two is left where the other is missing.
            guard !isSidecar || !names.contains(hex) else { continue }
            if var content = try content(digest, in: folder) {
                content.sidecar.confirmations.share(&sources)
                content.sidecar.mediaType = content.sidecar.mediaType.map { mediaTypes.insert($0).memberAfterInsert }
                found.append(content)
            } else {
                try directory.remove(hex, in: folder)
                try directory.remove(hex + Digest.sidecarSuffix, in: folder)
            }
        }
    }

    /// - Returns: nil: not whole, or not regular.
    private func content(_ digest: Digest, in folder: Int32) throws(FileError) -> Content? {
        do throws(FileError) {
            let name = digest.fileName
            let status = try files.status(of: name, in: folder)
            guard status.isRegular,
                let text = try files.contents(
                    of: name + Digest.sidecarSuffix, in: folder, limit: Sidecar.maxBytes),
                let sidecar = Sidecar(text), sidecar.size == status.size
            else { return nil }
            return Content(digest: digest, sidecar: sidecar, lastUse: status.modified)
        } catch  where error.isOfOneReading {
            return nil
        }
    }

    private static func isFolderName(_ name: String) -> Bool {
        name.utf8.count == 2 && name.utf8.allSatisfy { $0 &- 48 < 10 || $0 &- 97 < 6 }
    }
}
