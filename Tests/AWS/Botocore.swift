import Foundation
import TestSupport
import Testing

/// A python with botocore: `BERTH_TEST_PYTHON`, else `python3`.
enum Botocore {
    static let python = ProcessInfo.processInfo.environment["BERTH_TEST_PYTHON"] ?? "python3"

    /// Checked once.
    static let isMissing = Task { (try? await run(["-c", "import botocore"]).status) != 0 }

    static func run(_ arguments: [String]) async throws -> (status: Int32, output: Data) {
        let (status, output, _) = try await onThread { try ChildProcess([python] + arguments).finish() }
        return (status, output)
    }

    /// The output of a script in the test resources, one JSON object per line.
    static func cases<Case: Decodable>(_ script: String, _ arguments: [String] = []) async throws -> [Case] {
        let url = try #require(Bundle.module.url(forResource: script, withExtension: "py"))
        let (status, output) = try await run([url.path] + arguments)
        try #require(status == 0, "\(script).py \(arguments.joined(separator: " ")) failed")
        return try output.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Case.self, from: $0) }
    }
}

extension Trait where Self == ConditionTrait {
    static var needsBotocore: Self {
        .disabled("no python with botocore: pip install botocore, or set BERTH_TEST_PYTHON") { await Botocore.isMissing.value }
    }
}
