import Crypto
import Foundation
import Testing

@testable import AWS

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
}

@Suite struct SigV4OracleTests {
    private struct Case: Decodable {
        let time: Int, method: String, path: String, query: [[String]], fields: [[String]], body: String
        let accessKey: String, secretKey: String, token: String?, region: String, service: String
        let date: String, authorization: String
    }

    @Test(.disabled(if: Botocore.isMissing, "no python with botocore: pip install botocore, or set BERTH_TEST_PYTHON"))
    func randomRequestsAreSignedAsBotocoreSignsThem() throws {
        let seed = UInt16.random(in: 0 ... .max), count = 200
        let script = try #require(Bundle.module.url(forResource: "sigv4-oracle", withExtension: "py"))
        let (status, output) = try Botocore.run([script.path, String(seed), String(count)])
        try #require(status == 0, "sigv4-oracle.py \(seed) failed")
        let cases = try output.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Case.self, from: $0) }
        #expect(cases.count == count)
        for (number, expected) in cases.enumerated() {
            let credentials = Credentials(
                accessKeyID: expected.accessKey, secretAccessKey: Secret(expected.secretKey),
                sessionToken: expected.token.map { Secret($0) },
                source: "oracle")
            let request = RequestToSign(
                method: expected.method, path: expected.path, query: expected.query.map { ($0[0], $0[1]) },
                fields: expected.fields.map { ($0[0], $0[1]) }, body: Array(expected.body.utf8))
            let added = SigV4(region: expected.region, service: expected.service)
                .fields(signing: request, with: credentials, at: Date(timeIntervalSince1970: Double(expected.time)))
            let fields = Dictionary(uniqueKeysWithValues: added.map { ($0.name, $0.value) })
            #expect(fields["X-Amz-Date"] == expected.date, "seed \(seed), case \(number)")
            #expect(fields["X-Amz-Security-Token"] == expected.token, "seed \(seed), case \(number)")
            #expect(fields["Authorization"] == expected.authorization, "seed \(seed), case \(number)")
        }
    }
}
