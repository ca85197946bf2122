import Crypto
import Registry

/// The directory on disk, which one process at a time has locked:
///
///     version              marks the directory as a cache, and says how it is laid out
///     lock                 locked by the process that uses it
///     sha256/ab/<hex>      a content, whole; sha512 likewise
///     sha256/ab/<hex>.info its `Sidecar`
///     tags/log             see `TagLog`
///     partial/<random>     files that are being written; emptied at the start
///
/// A file gets its name when it is whole, by rename(2). A content's sidecar is there before it and goes after it. So whatever is on disk when
/// the process is killed, each content that has a sidecar is whole. `DirectoryScan` removes the rest.
final class CacheDirectory: Sendable {
    private let path: String
    let files: any FileCalls
    let root: DirectoryHandle, partial: DirectoryHandle, tags: DirectoryHandle
    private let sha256: DirectoryHandle, sha512: DirectoryHandle
    private let lock: DirectoryLock

    static let version = "berth cache 1\n"
    private static let versionName = "version", newVersionName = "version.new", lockName = "lock"
    /// What an empty file system may contain, and what is left of a process that was killed while it made the directory.
    private static let harmlessNames: Set<String> = ["lost+found", lockName, newVersionName]

    /// What has come of opening it.
    enum Opened {
        case directory(CacheDirectory)
        /// Another process has locked it.
        case locked
        /// It is something else than a cache.
        case refused(String)
    }

    /// Makes what is missing, locks it, and removes files that were being written.
    static func open(path: String, files: any FileCalls) throws(FileError) -> Opened {
        let root = DirectoryHandle(try files.openRoot(path), files)
        let names = try files.names(in: root.descriptor)
        let isMarked = names.contains(versionName)
        if !isMarked, let foreign = names.sorted().first(where: { !harmlessNames.contains($0) }) {
            return .refused("\(path) contains \(foreign) and is no cache of Berth; name an empty directory")
        }
        let lock = DirectoryLock(try files.create(lockName, in: root.descriptor, isNew: false), files)
        guard try lock.take() else { return .locked }
        if !isMarked {
            try mark(root, files)
        } else if try files.contents(of: versionName, in: root.descriptor, limit: 256) != Array(version.utf8) {
            return .refused("\(path)/version is not of this version of Berth; name another directory, or empty this one")
        }
        let directory = try CacheDirectory(path, root, lock, files)
        try directory.removePartials()
        return .directory(directory)
    }

    private init(_ path: String, _ root: DirectoryHandle, _ lock: DirectoryLock, _ files: any FileCalls) throws(FileError) {
        func folder(_ name: String) throws(FileError) -> DirectoryHandle {
            try files.makeDirectory(name, in: root.descriptor)
            return DirectoryHandle(try files.openDirectory(name, in: root.descriptor), files)
        }
        (self.path, self.root, self.lock, self.files) = (path, root, lock, files)
        (sha256, sha512) = (try folder("sha256"), try folder("sha512"))
        (partial, tags) = (try folder("partial"), try folder("tags"))
    }

    private func removePartials() throws(FileError) {
        for name in try files.names(in: partial.descriptor) {
            // The process before may end its fills just now, and NFS names a removed file anew while it is open.
            do throws(FileError) {
                try files.remove(name, in: partial.descriptor)
            } catch  where error.isMissing || error.isOfOneFile || error.isBusy {}
        }
    }

    /// Fails unless the disk can be written again.
    /// - Returns: false: the path leads to another directory now; something may have been mounted there.
    func tryToWrite() throws(FileError) -> Bool {
        let descriptor = try files.openRoot(path)
        defer { files.close(descriptor) }
        let (found, own) = (try files.status(of: descriptor), try files.status(of: root.descriptor))
        guard (found.device, found.inode) == (own.device, own.inode) else { return false }
        try Self.mark(root, files)
        return true
    }

    private static func mark(_ root: DirectoryHandle, _ files: any FileCalls) throws(FileError) {
        let file = try files.create(newVersionName, in: root.descriptor, isNew: false)
        defer { files.close(file) }
        try files.write(Array(version.utf8), to: file)
        try files.sync(file)
        try files.rename(newVersionName, in: root.descriptor, to: versionName, in: root.descriptor)
    }

    /// Lets another process have it. Nothing more is written but to files of fills, which need no name.
    func release() { lock.release() }

    // MARK: Files that are being written

    /// - Returns: its name and its descriptor, which the caller closes.
    func createPartial() throws(FileError) -> (name: String, descriptor: Int32) {
        let name = Hexadecimal.string(of: randomBytes(12))
        let descriptor = try files.create(name, in: partial.descriptor, isNew: true)
        // A fill had begun before, and the next process may have emptied the folder already.
        if lock.isReleased { removePartial(name) }
        return (name, descriptor)
    }

    /// It may be gone: another process has emptied the directory.
    func removePartial(_ name: String) { try? files.remove(name, in: partial.descriptor) }

    // MARK: Contents

    /// Gives a whole content its name.
    func commit(_ name: String, as digest: Digest, _ sidecar: Sidecar) throws(FileError) {
        try withFolder(of: digest, isMade: true) { folder throws(FileError) in
            try replace(digest.fileName + Digest.sidecarSuffix, in: folder, with: sidecar.text)
            try files.rename(name, in: partial.descriptor, to: digest.fileName, in: folder)
        }
    }

    /// Replaces the sidecar of a content.
    func write(_ sidecar: Sidecar, of digest: Digest) throws(FileError) {
        try withFolder(of: digest) { folder throws(FileError) in
            try replace(digest.fileName + Digest.sidecarSuffix, in: folder, with: sidecar.text)
        }
    }

    /// Replaces a small file as a whole.
    func replace(_ name: String, in folder: Int32, with text: [UInt8]) throws(FileError) {
        let (partialName, descriptor) = try createPartial()
        defer { files.close(descriptor) }
        do throws(FileError) {
            try files.write(text, to: descriptor)
            try files.rename(partialName, in: partial.descriptor, to: name, in: folder)
        } catch {
            removePartial(partialName)
            throw error
        }
    }

    /// Does nothing if it is gone.
    func remove(_ digest: Digest) throws(FileError) {
        do throws(FileError) {
            try withFolder(of: digest) { folder throws(FileError) in
                for suffix in ["", Digest.sidecarSuffix] { try remove(digest.fileName + suffix, in: folder) }
            }
        } catch  where error.isMissing || error.isOfOneFile {}
    }

    /// Does nothing if it is gone, or no file.
    func remove(_ name: String, in folder: Int32) throws(FileError) {
        do throws(FileError) {
            try files.remove(name, in: folder)
        } catch  where error.isMissing || error.isOfOneFile {}
    }

    /// Its file's time becomes now.
    func touch(_ digest: Digest) throws(FileError) {
        try withFolder(of: digest) { folder throws(FileError) in try files.touch(digest.fileName, in: folder) }
    }

    /// - Returns: a descriptor that the caller closes; nil: there is no regular file of this size.
    func open(_ digest: Digest, size: Int) throws(FileError) -> Int32? {
        let descriptor = try withFolder(of: digest) { folder throws(FileError) in try files.open(digest.fileName, in: folder) }
        do throws(FileError) {
            let status = try files.status(of: descriptor)
            if status.isRegular, status.size == size { return descriptor }
            files.close(descriptor)
            return nil
        } catch {
            files.close(descriptor)
            throw error
        }
    }

    /// sha256 or sha512, and what follows their names.
    var algorithms: [(prefix: String, folder: DirectoryHandle)] { [("sha256:", sha256), ("sha512:", sha512)] }

    func space() throws(FileError) -> FileSystemSpace { try files.space(of: root.descriptor) }

    private func withFolder<Value>(
        of digest: Digest, isMade: Bool = false, _ work: (Int32) throws(FileError) -> Value
    ) throws(FileError) -> Value {
        let above = digest.isSHA512 ? sha512 : sha256
        let name = String(digest.fileName.prefix(2))
        if isMade { try files.makeDirectory(name, in: above.descriptor) }
        let folder = try files.openDirectory(name, in: above.descriptor)
        defer { files.close(folder) }
        return try work(folder)
    }
}

extension Digest {
    /// The hexadecimal digits.
    var fileName: String { String(decoding: bytes.dropFirst("sha256:".utf8.count), as: UTF8.self) }
    /// Follows a content's name in that of its sidecar.
    static var sidecarSuffix: String { ".info" }
}
