import Configuration
import HTTP
import Testing

@testable import Gateway

struct BlobLocationTests {
    @Test(arguments: [
        ("https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Signature=s", "b.s3.eu-west-1.amazonaws.com:443", "/k?X-Amz-Signature=s"),
        ("https://B.Example:8443", "b.example:8443", "/"), ("https://B.Example.", "b.example:443", "/"),
        ("https://b.example?q", "b.example:443", "/?q"),
        ("https://b.example/k#part", "b.example:443", "/k"),
    ])
    func `an https location is followed`(value: String, origin: String, target: String) throws {
        let location = try #require(BlobLocation(Array(value.utf8)[...], connectTo: ConnectTo()))
        #expect(location.origin.description == origin)
        #expect(String(decoding: location.target, as: UTF8.self) == target)
    }

    @Test(arguments: [
        "http://b.example/k", "/v2/a", "//b.example/k", "https://user@b.example/", "https:///k", "https://b.example:0/",
        "https://b.example:x/",
        "https://b.example/a b", "https://b.example/a\r\nX: y", "ftp://b.example/",
    ])
    func `any other location is not followed`(value: String) {
        #expect(BlobLocation(Array(value.utf8)[...], connectTo: ConnectTo()) == nil)
    }

    @Test func `connect_to matches the exact name first, then the longest suffix`() throws {
        let entries = [
            "*.amazonaws.com:443": "127.0.0.1:1", "*.s3.eu-west-1.amazonaws.com:443": "127.0.0.1:2",
            "X.s3.eu-west-1.amazonaws.com.:443": "[::1]:3",
        ]
        let table = ConnectTo(try entries.map { try #require(ConnectTo.Entry($0.key, $0.value)) })
        #expect(Origin(host: "api.amazonaws.com", port: 443, connectTo: table).dialPort == 1)
        #expect(Origin(host: "y.s3.eu-west-1.amazonaws.com", port: 443, connectTo: table).dialPort == 2)
        #expect(Origin(host: "X.s3.eu-west-1.amazonaws.com", port: 443, connectTo: table).dialHost == "::1")
        #expect(Origin(host: "api.amazonaws.com.", port: 443, connectTo: table).dialPort == 1)
        #expect(Origin(host: "amazonaws.com", port: 443, connectTo: table).dialHost == "amazonaws.com")
        #expect(Origin(host: "api.amazonaws.com", port: 444, connectTo: table).dialPort == 444)
    }
}
