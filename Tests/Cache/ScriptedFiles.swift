import Synchronization

@testable import Cache

/// The system's files, whose calls fail or are watched as a test says. One call at a time.
final class ScriptedFiles: FileCalls {
    private let system = SystemFiles()
    private let script = Mutex(Script())

    struct Script {
        /// Codes by call: `pwrite`.
        var failures: [String: Int32] = [:]
        /// The calls with these failures that succeed before.
        var delay = 0
        var space: FileSystemSpace?
        /// Called after each call that changes something, and in the middle of each write.
        var afterChange: (@Sendable () -> Void)?
        /// Each write waits for a post.
        var gate: Semaphore?
        /// Calls that are not answered until this is opened.
        var hanging: [String: Gate] = [:]
    }

    /// Holds up whoever comes, until it is opened.
    final class Gate: Sendable {
        private let semaphore = Semaphore()
        func open() { semaphore.post() }
        func pass() {
            semaphore.wait()
            semaphore.post()
        }
    }

    func set(_ change: (inout Script) -> Void) { script.withLock { change(&$0) } }

    private func perform<Result: Sendable>(
        _ call: String, changes: Bool = false, _ work: (SystemFiles) throws(FileError) -> Result
    ) throws(FileError) -> Result {
        let system = system
        script.withLock { $0.hanging[call] }?.pass()
        let result: Swift.Result<Result, FileError> = script.withLock { script in
            if let code = script.failures[call] {
                if script.delay == 0 { return .failure(FileError(call, code: code)) }
                script.delay -= 1
            }
            do throws(FileError) {
                let result = try work(system)
                if changes { script.afterChange?() }
                return .success(result)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func openRoot(_ path: String) throws(FileError) -> Int32 {
        try perform("open", changes: true) { files throws(FileError) in try files.openRoot(path) }
    }
    func openDirectory(_ name: String, in directory: Int32) throws(FileError) -> Int32 {
        try perform("openat") { files throws(FileError) in try files.openDirectory(name, in: directory) }
    }
    func makeDirectory(_ name: String, in directory: Int32) throws(FileError) {
        try perform("mkdirat", changes: true) { files throws(FileError) in try files.makeDirectory(name, in: directory) }
    }
    func names(in directory: Int32) throws(FileError) -> [String] {
        try perform("readdir") { files throws(FileError) in try files.names(in: directory) }
    }
    func status(of name: String, in directory: Int32) throws(FileError) -> FileStatus {
        try perform("fstatat") { files throws(FileError) in try files.status(of: name, in: directory) }
    }
    func open(_ name: String, in directory: Int32) throws(FileError) -> Int32 {
        try perform("open file") { files throws(FileError) in try files.open(name, in: directory) }
    }
    func create(_ name: String, in directory: Int32, isNew: Bool) throws(FileError) -> Int32 {
        try perform("create", changes: true) { files throws(FileError) in try files.create(name, in: directory, isNew: isNew) }
    }
    func status(of descriptor: Int32) throws(FileError) -> FileStatus {
        try perform("fstat") { files throws(FileError) in try files.status(of: descriptor) }
    }
    func read(_ descriptor: Int32, into memory: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        // A pointer must not enter the mutex.
        try perform("pread") { _ throws(FileError) in }
        return try system.read(descriptor, into: memory, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) throws(FileError) {
        let copy = Array(bytes)
        script.withLock { $0.gate }?.wait()
        try perform("pwrite", changes: true) { files throws(FileError) in
            // As far as a full disk lets it.
            try files.write(Array(copy.prefix(copy.count / 2)), to: descriptor, at: offset)
        }
        try perform("pwrite", changes: true) { files throws(FileError) in
            try files.write(Array(copy.dropFirst(copy.count / 2)), to: descriptor, at: offset + copy.count / 2)
        }
    }
    func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(FileError) {
        try perform("renameat", changes: true) { files throws(FileError) in
            try files.rename(name, in: directory, to: newName, in: newDirectory)
        }
    }
    func remove(_ name: String, in directory: Int32) throws(FileError) {
        try perform("unlinkat", changes: true) { files throws(FileError) in try files.remove(name, in: directory) }
    }
    func touch(_ name: String, in directory: Int32) throws(FileError) {
        try perform("utimensat", changes: true) { files throws(FileError) in try files.touch(name, in: directory) }
    }
    func sync(_ descriptor: Int32) throws(FileError) {
        try perform("fsync") { files throws(FileError) in try files.sync(descriptor) }
    }
    func lock(_ descriptor: Int32) throws(FileError) -> Bool {
        try perform("flock") { files throws(FileError) in try files.lock(descriptor) }
    }
    func space(of descriptor: Int32) throws(FileError) -> FileSystemSpace {
        if let space = script.withLock({ $0.space }) { return space }
        return try perform("fstatvfs") { files throws(FileError) in try files.space(of: descriptor) }
    }
    func close(_ descriptor: Int32) { system.close(descriptor) }
}
