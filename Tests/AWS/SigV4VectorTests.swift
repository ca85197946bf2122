import Crypto
import Foundation
import Testing

@testable import AWS

/// AWS's published signing vectors (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4, Apache-2.0).
struct Vector: Sendable, CustomTestStringConvertible {
    let name: String
    let files: [String: String]
    let credentials: Credentials
    let signer: SigV4
    let time: Date
    let request: RequestToSign
    let signsBody: Bool
    var testDescription: String { name }

    static let all: [Vector] = {
        do {
            let url = try #require(Bundle.module.url(forResource: "sigv4-vectors", withExtension: "json"))
            let cases = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: [String: Any]])
            return try cases.map { try Vector(name: $0.key, files: $0.value) }.sorted { $0.name < $1.name }
        } catch {
            Issue.record(error)
            return []
        }
    }()

    private init(name: String, files: [String: Any]) throws {
        self.name = name
        self.files = files.compactMapValues { $0 as? String }
        let context = try #require(files["context.json"] as? [String: Any])
        let keys = try #require(context["credentials"] as? [String: String])
        credentials = Credentials(
            accessKeyID: try #require(keys["access_key_id"]), secretAccessKey: Secret(try #require(keys["secret_access_key"])),
            sessionToken: keys["token"].map { Secret($0) }, source: "vector")
        var signer = SigV4(region: try #require(context["region"] as? String), service: try #require(context["service"] as? String))
        signer.pathRule = context["normalize"] as? Bool == true ? .normalizedAndEncodedAgain : .encodedAgain
        signer.sessionToken = context["omit_session_token"] as? Bool == true ? .addedAfterSigning : .signed
        self.signer = signer
        time = try Date(try #require(context["timestamp"] as? String), strategy: .iso8601)
        signsBody = context["sign_body"] as? Bool == true
        request = try Self.parse(try #require(files["request.txt"] as? String))
    }

    /// The vectors' requests are raw: paths have spaces and non-ASCII letters, and a field may be folded.
    private static func parse(_ text: String) throws -> RequestToSign {
        let halves = text.components(separatedBy: "\n\n")
        var lines = halves[0].split(separator: "\n").map(String.init)
        let requestLine = lines.removeFirst()
        let method = try #require(requestLine.split(separator: " ").first)
        let target = requestLine.dropFirst(method.count + 1).dropLast(" HTTP/1.1".count)
        let parts = target.split(separator: "?", maxSplits: 1)
        let query = try (parts.count > 1 ? parts[1].split(separator: "&") : []).map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1)
            return (
                name: try #require(String(halves[0]).removingPercentEncoding),
                value: try #require(String(halves.count > 1 ? halves[1] : "").removingPercentEncoding)
            )
        }
        var fields: [(name: String, value: String)] = []
        for line in lines {
            if line.hasPrefix(" ") {
                fields[fields.count - 1].value += "\n" + line
            } else {
                let colon = try #require(line.firstIndex(of: ":"))
                fields.append((String(line[..<colon]), String(line[line.index(after: colon)...])))
            }
        }
        return RequestToSign(
            method: String(method), path: String(parts[0]), query: query, fields: fields,
            body: Array((halves.count > 1 ? halves[1] : "").utf8))
    }
}

@Suite struct SigV4VectorTests {
    @Test func `all published vectors are present`() { #expect(Vector.all.count == 38) }

    @Test(arguments: Vector.all)
    func `a signature in fields matches the published one`(_ vector: Vector) throws {
        var request = vector.request
        let timestamp = Timestamp(vector.time)
        if vector.signsBody { request.fields.append(("X-Amz-Content-SHA256", SigV4.digest(of: request.body))) }
        let added = vector.signer.fields(signing: request, with: vector.credentials, at: vector.time)

        var signed = request
        signed.fields += added.filter {
            $0.name == "X-Amz-Date" || ($0.name == "X-Amz-Security-Token" && vector.signer.sessionToken == .signed)
        }
        let signature = vector.signer.signature(
            of: signed, payloadDigest: SigV4.digest(of: request.body), with: vector.credentials, at: timestamp)
        #expect(signature.canonicalRequest == vector.files["header-canonical-request.txt"])
        #expect(signature.stringToSign == vector.files["header-string-to-sign.txt"])
        #expect(signature.value == vector.files["header-signature.txt"])

        let expected = try #require(vector.files["header-signed-request.txt"]).split(separator: "\n")
        for field in added {
            let line = "\(field.name):\(field.value)"
            #expect(expected.contains { $0 == line }, "\(field.name) is not as published")
        }
    }

    @Test(arguments: Vector.all)
    func `a presigned query matches the published one`(_ vector: Vector) throws {
        let timestamp = Timestamp(vector.time)
        let digest = SigV4.digest(of: vector.request.body)
        let (request, _) = vector.signer.presigned(vector.request, with: vector.credentials, at: timestamp, lifetime: 3600)
        let signature = vector.signer.signature(of: request, payloadDigest: digest, with: vector.credentials, at: timestamp)
        #expect(signature.canonicalRequest == vector.files["query-canonical-request.txt"])
        #expect(signature.stringToSign == vector.files["query-string-to-sign.txt"])
        #expect(signature.value == vector.files["query-signature.txt"])

        let query = vector.signer.query(
            presigning: vector.request, with: vector.credentials, at: vector.time, lifetime: 3600, payloadDigest: digest)
        let line = try #require(vector.files["query-signed-request.txt"]?.split(separator: "\n").first)
        let start = try #require(line.firstIndex(of: "?"))
        let published = line[line.index(after: start)...].dropLast(" HTTP/1.1".count).split(separator: "&")
        // The published order differs between cases, and raw letters stay raw. The signed text was compared above.
        #expect(
            Set(published.filter { $0.hasPrefix("X-Amz-") }) == Set(query.split(separator: "&").filter { $0.hasPrefix("X-Amz-") }))
    }
}
