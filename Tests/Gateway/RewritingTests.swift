import HTTP
import Configuration
import Testing

@testable import Gateway

struct RewritingTests {
    static let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

    @Test(arguments: [
        ("https://\(host)/v2/acme/a/blobs/uploads/u", "/v2/team/a/blobs/uploads/u"),
        ("https://\(host):443/v2/acme/a/blobs/uploads/u?_state=x", "/v2/team/a/blobs/uploads/u?_state=x"),
        ("http://\(host)/v2/acme/a/manifests/1", "/v2/team/a/manifests/1"),
        ("https://\(host.uppercased()).:443/v2/acme/a/manifests/1", "/v2/team/a/manifests/1"),
        ("/v2/acme/a/blobs/uploads/u", "/v2/team/a/blobs/uploads/u"),
        ("/v2/acme/ab/blobs/uploads/u", "/v2/acme/ab/blobs/uploads/u"),
        ("https://elsewhere.example/v2/acme/a/blobs/uploads/u", nil),
        ("//elsewhere.example/v2/acme/a/blobs/uploads/u", nil),
        ("https://\(host).evil.example/v2/acme/a/blobs/uploads/u", nil),
        ("https://\(host)@evil.example/v2/acme/a/blobs/uploads/u", nil),
        ("uploads/u", nil), ("", nil),
    ])
    func `a location at the registry becomes one at Berth`(value: String, expected: String?) {
        let rewriting = Rewriting(
            origin: Origin(host: Self.host, port: 443), clientRepository: Array("team/a".utf8),
            upstreamRepository: Array("acme/a".utf8),
            publicURL: [])
        #expect(rewriting.location(Array(value.utf8)[...]).map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test func `a link keeps its cursor and its parameters, and says the public address`() {
        let rewriting = Rewriting(
            origin: Origin(host: Self.host, port: 443), clientRepository: Array("a".utf8), upstreamRepository: Array("a".utf8),
            publicURL: Array("https://registry.example.com".utf8))
        let link = rewriting.link(Array("<https://\(Self.host)/v2/a/tags/list?last=a+b/c%3D&n=2>; rel=\"next\"".utf8)[...])
        #expect(
            link.map { String(decoding: $0, as: UTF8.self) }
                == "<https://registry.example.com/v2/a/tags/list?last=a+b/c%3D&n=2>; rel=\"next\"")
    }
}

struct RedirectTests {
    @Test(arguments: [
        ("https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Signature=s", "b.s3.eu-west-1.amazonaws.com:443", "/k?X-Amz-Signature=s"),
        ("https://B.Example:8443", "b.example:8443", "/"), ("https://B.Example.", "b.example:443", "/"),
        ("https://b.example?q", "b.example:443", "/?q"),
        ("https://b.example/k#part", "b.example:443", "/k"),
    ])
    func `an https location is followed`(value: String, origin: String, target: String) throws {
        let redirect = try #require(Redirect(Array(value.utf8)[...], connectTo: ConnectTo([:])))
        #expect(redirect.origin.description == origin)
        #expect(String(decoding: redirect.target, as: UTF8.self) == target)
    }

    @Test(arguments: [
        "http://b.example/k", "/v2/a", "//b.example/k", "https://user@b.example/", "https:///k", "https://b.example:0/",
        "https://b.example:x/",
        "https://b.example/a b", "https://b.example/a\r\nX: y", "ftp://b.example/",
    ])
    func `any other location is not`(value: String) {
        #expect(Redirect(Array(value.utf8)[...], connectTo: ConnectTo([:])) == nil)
    }

    @Test func `connect_to is found by exact name first, then by the longest suffix`() {
        let table = ConnectTo([
            "*.amazonaws.com:443": "127.0.0.1:1", "*.s3.eu-west-1.amazonaws.com:443": "127.0.0.1:2",
            "X.s3.eu-west-1.amazonaws.com.:443": "[::1]:3",
        ])
        #expect(Origin(host: "api.amazonaws.com", port: 443, connectTo: table).dialPort == 1)
        #expect(Origin(host: "y.s3.eu-west-1.amazonaws.com", port: 443, connectTo: table).dialPort == 2)
        #expect(Origin(host: "X.s3.eu-west-1.amazonaws.com", port: 443, connectTo: table).dialHost == "::1")
        #expect(Origin(host: "api.amazonaws.com.", port: 443, connectTo: table).dialPort == 1)
        #expect(Origin(host: "amazonaws.com", port: 443, connectTo: table).dialHost == "amazonaws.com")
        #expect(Origin(host: "api.amazonaws.com", port: 444, connectTo: table).dialPort == 444)
    }
}

struct TokenRefusalTests {
    static func body(_ code: String, _ message: String) -> [UInt8] {
        Array("{\"errors\":[{\"code\":\"\(code)\",\"message\":\"\(message)\"}]}\n".utf8)
    }

    @Test func `ECR's words for a refused token are known, and its other refusals left to the client`() {
        let expired = Self.body("DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        let old = Array("Your Authorization Token has expired. Please run 'aws ecr get-login' to fetch a new one.".utf8)
        let denied = Self.body(
            "DENIED", "User: arn:aws:sts::1:assumed-role/R/S is not authorized to perform: ecr:InitiateLayerUpload")
        #expect(TokenRefusal.judge(status: 403, body: expired) == .yes(.expired))
        #expect(TokenRefusal.judge(status: 403, body: old) == .yes(.expired))
        #expect(TokenRefusal.judge(status: 403, body: denied) == .no)
        #expect(
            TokenRefusal.judge(status: 400, body: Self.body("DENIED", "Your Authorization Token is invalid.")) == .yes(.invalid))
        #expect(TokenRefusal.judge(status: 400, body: Self.body("TAG_INVALID", "immutable")) == .no)
        #expect(TokenRefusal.judge(status: 400, body: []) == .unclear(.invalid))
        #expect(TokenRefusal.judge(status: 403, method: .head) == .unclear(.expired))
        #expect(TokenRefusal.judge(status: 401, method: .get) == .yes(.unauthorized))
        #expect(TokenRefusal.judge(status: 404, method: .get) == .no)
    }
}
