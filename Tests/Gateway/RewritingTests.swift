import Configuration
import HTTP
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

    @Test func `a link keeps its cursor and its parameters, and gets the public address`() {
        let rewriting = Rewriting(
            origin: Origin(host: Self.host, port: 443), clientRepository: Array("a".utf8), upstreamRepository: Array("a".utf8),
            publicURL: Array("https://registry.example.com".utf8))
        let link = rewriting.link(Array("<https://\(Self.host)/v2/a/tags/list?last=a+b/c%3D&n=2>; rel=\"next\"".utf8)[...])
        #expect(
            link.map { String(decoding: $0, as: UTF8.self) }
                == "<https://registry.example.com/v2/a/tags/list?last=a+b/c%3D&n=2>; rel=\"next\"")
    }
}
