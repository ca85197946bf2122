import Crypto
import FoundationEssentials
import Testing

@testable import Sandbox

/// The sandbox against AWS's own SDK.
@Suite(
    .disabled("no python with botocore: pip install botocore, or set BERTH_TEST_PYTHON") { await Botocore.isMissing.value })
struct BotocoreTests {
    private struct Case: Decodable {
        let time: Int, method: String, path: String, query: String, body: String, fields: [[String]]
        let accessKey: String, secretKey: String, token: String?, region: String, service: String

        var request: ReceivedRequest {
            ReceivedRequest(method: method, path: path, query: query, fields: fields.map { ($0[0], $0[1]) })
        }
        var keys: SigningKeys {
            SigningKeys(
                accessKeyID: accessKey, secret: Secret(secretKey), session: token.map { (Secret($0), .max) },
                caller: Caller(arn: "arn", userID: "id"))
        }

        func check(_ request: ReceivedRequest, body: String? = nil, at now: Int? = nil) -> String {
            do {
                if service == "s3" {
                    var keys = keys
                    // The sandbox appends the generation to its tokens.
                    keys.session?.token = Secret(String(token?.dropLast(2) ?? ""))
                    try PresignedURLs(region: region, keys: keys).check(request, now: now ?? time)
                } else {
                    _ = try SignatureCheck(region: region, service: service)
                        .caller(of: request, body: Array((body ?? self.body).utf8), keys: KeyRing(user: keys), now: now ?? time)
                }
                return "accepted"
            } catch { return "\(error)" }
        }
    }

    @Test func `requests that botocore signs are accepted, and changed ones are not`() async throws {
        let seed = UInt16.random(in: 0 ... .max), count = 200
        let (status, output, errors) = try await Botocore.run([Botocore.script("signed-requests"), String(seed), String(count)])
        try #require(status == 0, "\(errors)")
        let cases = try output.split(separator: "\n").map { try JSONDecoder().decode(Case.self, from: Data($0.utf8)) }
        #expect(cases.count == count)
        for (number, signed) in cases.enumerated() {
            let place = Comment("seed \(seed), case \(number)")
            let request = signed.request
            #expect(signed.check(request) == "accepted", place)

            var changed = request
            changed.method = "DELETE"
            #expect(signed.check(changed).contains("match"), place)
            changed = request
            changed.path += "x"
            #expect(signed.check(changed).contains("match"), place)
            changed = request
            changed.query += changed.query.isEmpty ? "x=y" : "&x=y"
            #expect(signed.check(changed).contains("match"), place)
            changed = request
            for index in changed.fields.indices where changed.fields[index].name == "Host" { changed.fields[index].value += "x" }
            #expect(signed.check(changed).contains("match"), place)
            if signed.service != "s3" {
                #expect(signed.check(request, body: signed.body + "x").contains("match"), place)
                changed = request
                changed.fields.append(("X-Amz-Added", "later"))
                #expect(signed.check(changed).contains("must be a"), place)
                #expect(signed.check(request, at: signed.time + 901).contains("Signature expired"), place)
                #expect(signed.check(request, at: signed.time - 901).contains("not yet current"), place)
                #expect(signed.check(request, at: signed.time + 900) == "accepted", place)
            } else {
                #expect(signed.check(request, at: signed.time + 3601).contains("expired"), place)
                #expect(signed.check(request, at: signed.time + 3600) == "accepted", place)
            }
        }
    }

    @Test func `botocore's clients get the responses that AWS would give`() async throws {
        try await TestSandbox.run { box in
            let file = "\(box.sandbox.directory)/sandbox.json"
            let (status, _, errors) = try await Botocore.run([Botocore.script("botocore-client"), file])
            #expect(status == 0, "\(errors)")
        }
    }
}
