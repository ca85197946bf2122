import Testing

@testable import HTTP

struct HostNameTests {
    @Test(
        arguments: [
            ("Registry.Example.COM", "registry.example.com", nil), ("registry.example.com.", "registry.example.com", nil),
            ("registry.example.com.:5000", "registry.example.com", 5000), ("a_b:", "a_b", nil), ("10.0.0.1:443", "10.0.0.1", 443),
            ("[2001:DB8::1]:443", "2001:db8::1", 443), ("[::1]", "::1", nil), ("2001:DB8::1", "2001:db8::1", nil),
        ] as [(String, String, UInt16?)])
    func `a host is normalized to lower case, without trailing dot and brackets`(text: String, name: String, port: UInt16?) throws {
        let host = try #require(HostName(text))
        #expect(host.name == name && host.port == port)
        #expect(HostName(host.description) == host)
    }

    @Test(arguments: [
        "", ".", ":80", "a b", "a@b", "a/b", "a:65536", "a:-1", "a:1x", "[::1", "[a]", "[::1]x", "[::1]:x", "a,b", "x:y:z",
    ])
    func `a malformed host is refused`(text: String) { #expect(HostName(text) == nil) }

    @Test(arguments: [
        ("registry.example.com", "REGISTRY.example.com.:5000", true), ("registry.example.com", "registry.example.com", true),
        ("registry.example.com:5000", "registry.example.com.:5000", true),
        ("registry.example.com:5000", "registry.example.com", false),
        ("registry.example.com", "registry.example.co", false), ("registry.example.com", "registry.example.com.evil", false),
        ("registry.example.com", "x@registry.example.com", false), ("::1", "[::1]:443", true),
    ])
    func `a host with a port matches that port only, one without matches any`(text: String, field: String, matches: Bool) throws {
        #expect(try #require(HostName(text)).matches(Array(field.utf8)[...]) == matches)
    }
}
