import Crypto
import Foundation
import Testing

@testable import AWS

@Suite struct SigV4OracleTests {
    private struct Case: Decodable {
        let time: Int, method: String, path: String, query: [[String]], fields: [[String]], body: String
        let accessKey: String, secretKey: String, token: String?, region: String, service: String
        let date: String, authorization: String
    }

    @Test(.needsBotocore)
    func `random requests are signed as botocore signs them`() async throws {
        let seed = UInt16.random(in: 0 ... .max), count = 200
        let cases: [Case] = try await Botocore.cases("sigv4-oracle", [String(seed), String(count)])
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
