import Foundation
import Testing

/// A python with botocore: `BERTH_TEST_PYTHON`, else `python3`.
enum Botocore {
    static let python = ProcessInfo.processInfo.environment["BERTH_TEST_PYTHON"] ?? "python3"

    static let isMissing: Bool = {
        guard let result = try? run(["-c", "import botocore"]) else { return true }
        return result.status != 0
    }()

    static func run(_ arguments: [String]) throws -> (status: Int32, output: Data) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [python] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, bytes)
    }

    /// What a script among the tests' resources prints: a JSON object a line.
    static func cases<Case: Decodable>(_ script: String, _ arguments: [String] = []) throws -> [Case] {
        let url = try #require(Bundle.module.url(forResource: script, withExtension: "py"))
        let (status, output) = try run([url.path] + arguments)
        try #require(status == 0, "\(script).py \(arguments.joined(separator: " ")) failed")
        return try output.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Case.self, from: $0) }
    }
}

extension Trait where Self == ConditionTrait {
    static var needsBotocore: Self {
        .disabled(if: Botocore.isMissing, "no python with botocore: pip install botocore, or set BERTH_TEST_PYTHON")
    }
}
