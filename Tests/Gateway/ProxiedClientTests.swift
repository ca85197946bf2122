import HTTP
import Testing
import Transport

@testable import Gateway

struct ProxiedClientTests {
    private func client(_ fields: [String]) throws -> ProxiedClient {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(Array("GET / HTTP/1.1\r\nHost: h\r\n\(fields.map { $0 + "\r\n" }.joined())\r\n".utf8))
        let head = Head()
        #expect(try reader.take(head, as: .request))
        return ProxiedClient(head, trusted: [try #require(Network("10.0.0.0/8"))])
    }

    @Test(arguments: [
        (["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"), (["X-Forwarded-For: 198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (["X-Forwarded-For: 192.0.2.1, 10.0.0.9 ,10.0.0.8"], "192.0.2.1"),
        (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.0.0.8"], "192.0.2.1"),
        (["X-Forwarded-For: 192.0.2.1:4711"], "192.0.2.1"), (["X-Forwarded-For: [2001:db8::1]:4711"], "2001:db8::1"),
        (["X-Forwarded-For: 2001:db8::1"], "2001:db8::1"), (["X-Forwarded-For: unknown, 10.0.0.8"], "10.0.0.8"),
        (["X-Forwarded-For: [2001:db8::1]"], "2001:db8::1"), (["X-Forwarded-For: [2001:DB8::1%eth0]"], "2001:db8::1"),
        (["X-Forwarded-For: fe80::1%eth0"], "fe80::1"), (["X-Forwarded-For: \"[2001:db8::1]:4711\""], "2001:db8::1"),
        (["X-Forwarded-For: \"192.0.2.1:4711\""], "192.0.2.1"), (["X-Forwarded-For: 192.0.2.1:_hidden"], "192.0.2.1"),
        (["X-Forwarded-For: [2001:db8::1]:_hidden"], "2001:db8::1"), (["X-Forwarded-For: 192.0.2.1:"], "192.0.2.1"),
        (["X-Forwarded-For: ::ffff:192.0.2.1"], "192.0.2.1"), (["X-Forwarded-For: [::FFFF:192.0.2.1]:4711"], "192.0.2.1"),
        (["X-Forwarded-For: ::ffff:192.0.2.1:4711"], "192.0.2.1"), (["X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.8"], "192.0.2.1"),
        (["X-Forwarded-For: 192.0.2.1, , \t,"], "192.0.2.1"), (["X-Forwarded-For:\t192.0.2.1 :4711 "], "192.0.2.1"),
        (["X-Forwarded-For: 192.0.2.1, unknown"], nil), (["X-Forwarded-For: 192.0.2.1, unknown:80"], nil),
        (["X-Forwarded-For: 192.0.2.1, _hidden:_port, 10.0.0.8"], "10.0.0.8"), (["X-Forwarded-For: for=192.0.2.1"], nil),
        (["X-Forwarded-For: 192.0.2.1, " + String(repeating: "10.0.0.8,", count: 40)], "10.0.0.8"),
        (["X-Forwarded-For: 192.0.2.1, _hidden"], nil), (["X-Forwarded-For:"], nil), ([], nil),
    ])
    func `the client is the last address that is not a trusted proxy`(fields: [String], expected: String?) throws {
        #expect(try client(fields).address?.host == expected)
    }

    @Test func `the scheme is https unless the proxy says otherwise`() throws {
        #expect(
            try client([]).isHTTPS && client(["X-Forwarded-Proto: https"]).isHTTPS && !client(["X-Forwarded-Proto: http"]).isHTTPS)
    }

    @Test func `an invalid forwarded host is ignored`() throws {
        #expect(
            try client(["X-Forwarded-Host: registry.example.com:8443"]).host.map(Array.init)
                == Array("registry.example.com:8443".utf8))
        #expect(try client(["X-Forwarded-Host: a\"b"]).host == nil && client(["X-Forwarded-Host: a, b"]).host == nil)
    }
}
