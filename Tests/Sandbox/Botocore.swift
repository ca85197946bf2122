import Foundation

/// A python with botocore: `BERTH_TEST_PYTHON`, else `python3`.
enum Botocore {
    /// Checked once.
    static let isMissing = Task { (try? await run(["-c", "import botocore"]).status) != 0 }

    static func run(_ arguments: [String]) async throws -> (status: Int32, output: String, errors: String) {
        try await onThread { try runBlocking(arguments) }
    }

    private static func runBlocking(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let python = ProcessInfo.processInfo.environment["BERTH_TEST_PYTHON"] ?? "python3"
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [python] + arguments
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        // The errors fit into the pipe while the output is read.
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errorOutput = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, errorOutput)
    }

    static func script(_ name: String) throws -> String {
        guard let path = Bundle.module.path(forResource: name, ofType: "py") else { throw CocoaError(.fileNoSuchFile) }
        return path
    }
}

/// Runs blocking work on a thread of its own. On the pool's threads, one for each core, it would hold up all other tests until their timeouts.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}
