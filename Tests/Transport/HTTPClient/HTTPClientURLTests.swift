import Testing

@testable import Transport

@Suite struct HTTPClientURLTests {
    @Test(arguments: [
        ("https://api.ecr.eu-west-1.amazonaws.com", "https://api.ecr.eu-west-1.amazonaws.com/", "api.ecr.eu-west-1.amazonaws.com"),
        ("HTTP://LocalHost:4566/base", "http://localhost:4566/base", "localhost:4566"),
        ("http://[fd00:ec2::254]/latest?x=1", "http://[fd00:ec2::254]/latest", "[fd00:ec2::254]"),
        ("https://h:443/", "https://h/", "h"),
        ("http://h:443?q", "http://h:443/", "h:443"),
    ]) func `a URL is parsed, and described without its query`(_ text: String, _ shown: String, _ hostField: String) throws {
        let url = try #require(HTTPClientURL(text))
        #expect(url.description == shown)
        #expect(url.hostField == hostField)
    }

    @Test(arguments: [
        "", "api.ecr.eu-west-1.amazonaws.com", "ftp://h/", "https://", "https:///x", "https://user@h/", "https://h:0/",
        "https://h:65536/",
        "https://h:/", "https://h h/", "https://h/a b", "https://h/#f", "https://[::1", "https://[h]/", "https://h/\r\nX: y",
    ]) func `a malformed URL is refused`(_ text: String) {
        #expect(HTTPClientURL(text) == nil)
    }
}
