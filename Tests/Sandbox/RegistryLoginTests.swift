import Crypto
import FoundationEssentials
import Testing

@testable import Sandbox

/// ECR 1.1
struct RegistryLoginTests {
    static func send(_ box: TestSandbox, _ path: String, authorization: String?, method: String = "GET") async throws
        -> TestSandbox.Response
    {
        let host = box.sandbox.addresses.registryHost
        let fields = [("Host", host)] + (authorization.map { [("Authorization", $0)] } ?? [])
        return try await box.client.send(box.sandbox.addresses.registry, name: host, method, path, fields: fields, body: nil)
    }

    @Test(arguments: ["/v2/", "/v2/app/manifests/latest", "/nowhere"])
    func `without credentials every path is challenged, with the account in the realm`(path: String) async throws {
        try await TestSandbox.run { box in
            for authorization in [nil, "Bearer abc", "AWS4-HMAC-SHA256 Credential=x"] {
                let response = try await Self.send(box, path, authorization: authorization)
                #expect(response.status == 401)
                #expect(response.text == "Not Authorized\n")
                #expect(
                    response.fields["www-authenticate"]
                        == "Basic realm=\"https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/\",service=\"ecr.amazonaws.com\"")
                #expect(response.fields["docker-distribution-api-version"] == "registry/2.0")
            }
        }
    }

    @Test func `a malformed token is a 400 without a challenge`() async throws {
        try await TestSandbox.run { box in
            let cut = String(box.token.prefix(box.token.utf8.count / 2))
            let user = Data("docker:\(box.token)".utf8).base64EncodedString()
            for token in ["!!!!", cut, user, Data("AWS:secret".utf8).base64EncodedString()] {
                let response = try await Self.send(box, "/v2/", authorization: "Basic \(token)")
                #expect(response.status == 400)
                #expect(response.code == "DENIED")
                #expect(response.fields["www-authenticate"] == nil)
            }
        }
    }

    @Test func `a forged token is malformed`() async throws {
        try await TestSandbox.run { box in
            let text = try #require(Data(base64Encoded: box.token))
            var json = try #require(Data(base64Encoded: text.dropFirst(4)))
            let from = try #require(json.firstRange(of: Data("\"payload\":\"".utf8)))
            json[from.upperBound + 100] ^= 1
            let forged = Data("AWS:\(json.base64EncodedString())".utf8).base64EncodedString()
            #expect(try await Self.send(box, "/v2/", authorization: "Basic \(forged)").status == 400)
        }
    }

    /// Only a proxy can recover from this, as docker authenticates again only on 401.
    @Test func `an expired token is forbidden, in words that clients match`() async throws {
        try await TestSandbox.run { box in
            #expect(try await box.registry("GET", "/v2/").status == 200)
            try await box.control("POST", "/tokens/expire")
            let response = try await box.registry("GET", "/v2/")
            #expect(response.status == 403)
            #expect(
                response.text
                    == "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"Your authorization token has expired. Reauthenticate and try again.\"}]}\n"
            )
            #expect(response.fields["www-authenticate"] == nil)
            let head = try await box.registry("HEAD", "/v2/app/manifests/latest")
            #expect(head.status == 403)
            #expect(head.body.isEmpty)
            let fresh = try await box.client.token(of: box.sandbox)
            #expect(try await Self.send(box, "/v2/", authorization: "Basic \(fresh)").status == 200)

            try await box.control("POST", "/quirks", "{\"expired_token_old_text\":true}")
            #expect(try await box.registry("GET", "/v2/").text.contains("Please run 'aws ecr get-login'"))
            try await box.control("POST", "/quirks", "{\"expired_token_403\":false}")
            #expect(try await box.registry("GET", "/v2/").status == 401)
        }
    }

    @Test func `several tokens are valid at once, each for twelve hours`() async throws {
        try await TestSandbox.run { box in
            let second = try await box.client.token(of: box.sandbox)
            for (offset, status) in [(43_100, 200), (43_300, 403)] {
                try await box.control("POST", "/clock", "{\"offset_seconds\":\(offset)}")
                #expect(try await box.registry("GET", "/v2/").status == status)
                #expect(try await Self.send(box, "/v2/", authorization: "Basic \(second)").status == status)
            }
        }
    }

    @Test func `a token of another region counts as expired`() throws {
        let (token, _) = try AuthorizationTokens(region: "us-east-1").issue(to: Caller(arn: "a", userID: "b"), now: 1_700_000_000)
        guard case .expired = AuthorizationTokens(region: "eu-west-1").check(token.reveal, now: 1_700_000_000) else {
            Issue.record("not expired")
            return
        }
    }

    @Test func `IAM's denial names the action and the repository`() async throws {
        try await TestSandbox.run { box in
            try await box.control("POST", "/credentials", "{\"deny_registry\":true}")
            let response = try await box.registry("POST", "/v2/team/app/blobs/uploads/")
            #expect(response.status == 403)
            #expect(
                response.text.contains(
                    "is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-1:123456789012:repository/team/app"
                ))
        }
    }
}
