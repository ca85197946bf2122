import Foundation

/// A python with botocore: `BERTH_TEST_PYTHON`, else `python3`.
enum Botocore {
    static let isMissing: Bool = (try? run(["-c", "import botocore"]).status) != 0

    static func run(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let python = ProcessInfo.processInfo.environment["BERTH_TEST_PYTHON"] ?? "python3"
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [python] + arguments
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        // Errors are few: they fit the pipe while the output is read.
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, complaint)
    }

    static func script(_ name: String) throws -> String {
        guard let path = Bundle.module.path(forResource: name, ofType: "py") else { throw CocoaError(.fileNoSuchFile) }
        return path
    }
}
