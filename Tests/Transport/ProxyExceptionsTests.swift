import Testing

@testable import Transport

struct ProxyExceptionsTests {
    @Test(arguments: [
        ("example.com", "example.com", true), ("example.com", "Registry.EXAMPLE.com.", true),
        ("EXAMPLE.com.", "registry.example.com", true),
        (".example.com", "registry.example.com", true), ("*.example.com", "registry.example.com", true),
        ("example.com:443", "registry.example.com.", true), ("example.com.:443", "example.com", true),
        ("example.com:8443", "example.com", false), ("example.com", "notexample.com", false),
        ("a, b example.com", "example.com", true),
        ("*", "anything", true), ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.1.2.3", false), ("[::1]:443", "::1", true),
        ("fd00::/8", "[fd00:ec2::254]", true), ("::ffff:10.0.0.0/104", "10.1.2.3", true), ("", "example.com", false),
    ])
    func `hosts, ports, domains and networks in NO_PROXY match however they are written`(
        text: String, host: String, isCovered: Bool
    ) {
        #expect(ProxyExceptions(environment: ["NO_PROXY": text]).contains(host, port: 443) == isCovered)
    }

    @Test func `the lower-case variable takes precedence, unless it is empty`() {
        #expect(ProxyExceptions(environment: ["NO_PROXY": "a", "no_proxy": "b"]).contains("b", port: 443))
        #expect(ProxyExceptions(environment: ["NO_PROXY": "a", "no_proxy": ""]).contains("a", port: 443))
    }

    @Test func `a URL's host loses its trailing dot`() throws {
        let url = try #require(HTTPClientURL("https://API.example.com.:8443/x"))
        #expect(url.description == "https://api.example.com:8443/x")
    }
}
