package import Foundation
import Synchronization

/// A program that a test runs. Not Foundation's `Process`: in Swift 6.3 its `run` reads past the end of a directory entry and crashes now and
/// then (swift-corelibs-foundation pull request 5472).
package final class ChildProcess: Sendable {
    private let pid: pid_t
    private let output: FileHandle, errors: FileHandle
    private let status = Mutex<Int32?>(nil)
    /// Held while descriptors exist that another program must not inherit.
    private static let starting = Mutex(())
    /// Descriptors below this are closed in the program. The tests have a few hundred at once.
    private static let maxInherited = 4096

    /// Starts a program with the environment of the tests, and without input.
    /// - Parameter arguments: the program, which is looked for on `PATH`, and its arguments.
    package init(_ arguments: [String]) throws {
        (pid, output, errors) = try Self.starting.withLock { _ in try Self.start(arguments) }
    }

    private static func start(_ arguments: [String]) throws -> (pid_t, FileHandle, FileHandle) {
        let (output, errors) = (Pipe(), Pipe())
        for handle in [
            output.fileHandleForReading, output.fileHandleForWriting, errors.fileHandleForReading, errors.fileHandleForWriting,
        ] {
            _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.fileHandleForWriting.fileDescriptor, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.fileHandleForWriting.fileDescriptor, 2)
        // Sockets of other tests, whose end would otherwise not be seen before this program has ended.
        for descriptor in 3..<Int32(min(Self.maxInherited, sysconf(Int32(_SC_OPEN_MAX)))) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var argv = arguments.map { strdup($0) } + [nil]
        var environment = ProcessInfo.processInfo.environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in argv + environment { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, nil, &argv, &environment)
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO) }
        try output.fileHandleForWriting.close()
        try errors.fileHandleForWriting.close()
        return (pid, output.fileHandleForReading, errors.fileHandleForReading)
    }

    deinit { terminate() }

    /// The next bytes of its output, up to a line end; empty: it has closed its output.
    package func readLine() -> Data {
        var line = Data()
        while line.last != UInt8(ascii: "\n"), case let bytes = output.availableData, !bytes.isEmpty { line += bytes }
        return line
    }

    /// Waits until it has ended.
    /// - Returns: its exit status, or the negative number of the signal that ended it; what it wrote, and its errors, which must fit into a
    ///   pipe.
    package func finish() -> (status: Int32, output: Data, errors: Data) {
        let (text, errorText) = (output.readDataToEndOfFile(), errors.readDataToEndOfFile())
        return (wait(), text, errorText)
    }

    /// Ends it, unless it has ended.
    package func terminate() {
        guard status.withLock({ $0 }) == nil else { return }
        kill(pid, SIGTERM)
        _ = wait()
    }

    private func wait() -> Int32 {
        status.withLock { status in
            if let status { return status }
            var word: Int32 = 0
            while waitpid(pid, &word, 0) < 0, errno == EINTR {}
            let ended = word & 0x7f == 0 ? (word >> 8) & 0xff : -(word & 0x7f)
            status = ended
            return ended
        }
    }
}

/// Runs blocking work on a thread of its own. On the pool's threads, one for each core, it would hold up all other tests until their timeouts.
package func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}
