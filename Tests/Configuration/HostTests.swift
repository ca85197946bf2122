import HTTP
import Testing

@testable import Configuration

struct ConfiguredHostTests {
    @Test(arguments: [
        ("registry.example.com", "registry.example.com"), ("Registry.Example.com.", "registry.example.com"), ("a_b-c.1", "a_b-c.1"),
        ("localhost:5000", "localhost:5000"), ("10.0.0.1:1", "10.0.0.1:1"), ("[::1]", "[::1]"),
        ("[fd00::1]:65535", "[fd00::1]:65535"),
    ])
    func `a name, an IPv4 address, or an IPv6 address in brackets is a host`(text: String, host: String) {
        #expect(ConfiguredHost.parse(text)?.description == host)
    }

    @Test(arguments: [
        "", ".", "a..b", ".a", "a..", "a:", "a:0", "a:65536", "a:+1", "a:000443", "a:x", "::1", "[::1", "[::1]x", "[g::]",
        "[1.2.3.4]",
        "a/b", "a@b", "a b", "https://a", String(repeating: "a.", count: 127) + "a",
    ])
    func `other text is no host`(text: String) { #expect(ConfiguredHost.parse(text) == nil) }

    @Test(arguments: [("a.example", true), ("a.example:1", false), ("[::1]", true), ("[::1]:1", false)])
    func `where no port is allowed, a host with one is none`(text: String, isAllowed: Bool) {
        #expect((ConfiguredHost.withoutPort(text) != nil) == isAllowed)
    }
}

struct HostPatternTests {
    @Test(arguments: [
        ("cdn.example", "cdn.example:443", true), ("CDN.example.", "cdn.example:443", true),
        ("cdn.example", "a.cdn.example:443", false),
        ("cdn.example:443", "cdn.example:443", true), ("cdn.example:443", "cdn.example:444", false),
        ("*.example", "a.example:443", true), ("*.example", "a.b.example:1", true), ("*.example", "example:443", false),
        ("*.example", "evilexample:443", false), ("*.example:443", "a.example:444", false), ("[::1]:443", "[::1]:443", true),
    ])
    func `a host matches itself, and a domain each name below it, on the port that is named`(
        pattern: String, host: String, matches: Bool
    ) throws {
        #expect(try #require(HostPattern(pattern)).matches(#require(HostName(host))) == matches)
    }

    @Test(arguments: ["", "*", "*.", "**.a", "a.*", "*a", "https://a", "*.a:0"])
    func `other text is no pattern`(text: String) { #expect(HostPattern(text) == nil) }

    @Test func `the most precise pattern comes first`() throws {
        let ordered = try ["long.example", "z", "*.b.long.example", "*.long.example", "*.example"].map {
            try #require(HostPattern($0))
        }
        #expect(ordered.shuffled().sorted() == ordered)
    }
}

struct ConnectToTests {
    @Test func `two tables are equal if they mean the same`() throws {
        func table(_ lines: [(String, String)]) throws -> ConnectTo {
            ConnectTo(try lines.map { try #require(ConnectTo.Entry($0.0, $0.1)) })
        }
        let one = try table([("a.example:443", "127.0.0.1:1"), ("*.example:443", "b:2")])
        #expect(try one == table([("*.Example.:443", "B:2"), ("A.example:443", "127.0.0.1:1")]))
        #expect(try one != table([("a.example:443", "127.0.0.1:1"), ("*.example:443", "b:3")]))
        #expect(ConnectTo().isEmpty && !one.isEmpty)
    }

    @Test(arguments: [("a.example", "127.0.0.1:1"), ("127.0.0.1", "[::1]:2"), ("[::1]", "b.example:3")])
    func `a target is written with its port, an IPv6 address in brackets`(host: String, target: String) throws {
        let table = ConnectTo([try #require(ConnectTo.Entry("\(host):443", target))])
        #expect(table.target(of: host, 443)?.description == target)
        #expect(table.target(of: host, 80) == nil)
    }
}

struct PublicURLTests {
    @Test(arguments: [
        ("HTTPS://Registry.Example.com./", "https://registry.example.com"), ("http://a:5000", "http://a:5000"),
        ("https://[::1]:5000/", "https://[::1]:5000"),
    ])
    func `a public URL is written in lower case without a slash at its end`(text: String, url: String) {
        #expect(PublicURL(text)?.description == url)
    }
}
