import Foundation
import TestSupport

/// A python with botocore: `BERTH_TEST_PYTHON`, else `python3`.
enum Botocore {
    /// Checked once.
    static let isMissing = Task { (try? await run(["-c", "import botocore"]).status) != 0 }

    static func run(_ arguments: [String]) async throws -> (status: Int32, output: String, errors: String) {
        let python = ProcessInfo.processInfo.environment["BERTH_TEST_PYTHON"] ?? "python3"
        let (status, output, errors) = try await onThread { try ChildProcess([python] + arguments).finish() }
        return (status, String(decoding: output, as: UTF8.self), String(decoding: errors, as: UTF8.self))
    }

    static func script(_ name: String) throws -> String {
        guard let path = Bundle.module.path(forResource: name, ofType: "py") else { throw CocoaError(.fileNoSuchFile) }
        return path
    }
}
