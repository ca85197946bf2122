import Testing

@testable import Registry

struct RequestTargetTests {
    private static func target(_ text: String, serverParameter: StaticString? = nil) throws -> RequestTarget {
        try RequestTarget(Array(text.utf8)[...], serverParameter: serverParameter)
    }

    @Test(arguments: [
        ("/v2/a/manifests/1", "/v2/a/manifests/1"), ("/v2/%61/manifests/1?x=%2f", "/v2/a/manifests/1"), ("/v2/", "/v2/"),
        ("/", "/"),
        ("/v2/%2561", "/v2/%61"), ("/v2/a+b", "/v2/a+b"), ("/v2/sha256%3Aab", "/v2/sha256:ab"),
        ("/v2/sha256%3aab", "/v2/sha256:ab"),
        ("/v2/a...b/", "/v2/a...b/"), ("/v2/.a", "/v2/.a"), ("/v2/?", "/v2/"),
    ])
    func `a path is decoded once`(text: String, path: String) throws {
        #expect(String(decoding: try Self.target(text).path, as: UTF8.self) == path)
    }

    @Test(arguments: [
        ("/v2/a%2fb", RequestTarget.Problem.encodedSlash), ("/v2/a%2Fb", .encodedSlash), ("/v2/a%5Cb", .encodedSlash),
        ("/v2/%2e%2e/b", .dotSegment), ("/v2/./b", .dotSegment), ("/v2/..", .dotSegment), ("/v2/a/%2e", .dotSegment),
        ("/v2//b", .emptySegment), ("//v2/", .emptySegment), ("/v2/a//", .emptySegment),
        ("/v2/%", .badEscape), ("/v2/%6", .badEscape), ("/v2/%zz", .badEscape), ("/v2/%%61", .badEscape), ("/v2/%6?1", .badEscape),
        ("/v2/%00", .controlCharacter), ("/v2/%20", .controlCharacter), ("/v2/%c3%a4", .controlCharacter),
        ("/v2/%7f", .controlCharacter), ("/v2/ä", .controlCharacter), ("/v2/a b", .controlCharacter),
        ("/v2/" + String(repeating: "a/", count: 2048), .longPath),
    ])
    func `a path that two parsers could take for different ones is rejected`(text: String, problem: RequestTarget.Problem) {
        #expect(throws: problem) { try Self.target(text) }
    }

    @Test(arguments: [
        ("from=x&from=y", RequestTarget.Problem.repeatedParameter), ("from=x&%66rom=y", .repeatedParameter),
        ("from=x&f%72om", .repeatedParameter), ("n=1&last=x&n=1", .repeatedParameter), ("mount&mount", .repeatedParameter),
        ("digest=a&x=1&digest=a", .repeatedParameter), ("ns=a&ns=a", .repeatedParameter),
        ("artifactType=a&artifact%54ype=b", .repeatedParameter),
        ("mount=x;from=y", .semicolon), (";", .semicolon), ("digest=x#y", .fragment), ("#", .fragment),
        (String(repeating: "x&", count: 64), .manyParameters),
    ])
    func `a query that two parsers could take for different ones is rejected`(query: String, problem: RequestTarget.Problem) {
        #expect(throws: problem) { try Self.target("/v2/a?" + query) }
    }

    @Test(arguments: ["x=1&x=2", "_state=a&_state=b", "N=1&n=1", "from=x&fromm=y", "&&", "=", "a=%zz", "a=b=c"])
    func `parameters that decide nothing may be repeated or malformed`(query: String) throws {
        #expect(try Self.target("/v2/a?" + query).query.elementsEqual(query.utf8))
    }

    @Test func `a query may have 64 parameters and a path 4 KiB`() throws {
        #expect(try Self.target("/v2/a?" + String(repeating: "x&", count: 63) + "n=2").parameter("n") == Array("2".utf8))
        #expect(try Self.target("/v2/" + String(repeating: "a", count: 4092)).path.count == 4096)
    }

    @Test(
        arguments: [
            ("digest=sha256%3Aaa", "sha256:aa"), ("x=1&digest=a", "a"), ("d%69gest=a", "a"), ("digest=a+b%2B", "a b+"),
            ("digest=", ""),
            ("digest", ""), ("digest=a=b", "a=b"), ("digest=%zz", "%zz"), ("Digest=a", nil), ("xdigest=a", nil), ("", nil),
        ] as [(String, String?)])
    func `a parameter is found by its decoded name, and its value is decoded`(query: String, value: String?) throws {
        #expect(try Self.target("/v2/a?" + query).parameter("digest").map { String(decoding: $0, as: UTF8.self) } == value)
    }

    @Test(arguments: [
        ("digest=sha256%3Aaa&ns=docker.io&_state=a+b%2F", "digest=sha256%3Aaa&_state=a+b%2F"), ("ns=x", ""), ("%6es=x&a", "a"),
        ("a&&b", "a&b"), ("nsx=1", "nsx=1"),
    ])
    func `the query passes as it was sent, without the given parameters`(sent: String, kept: String) throws {
        #expect(String(decoding: try Self.target("/v2/a?" + sent).query(without: ["ns"]), as: UTF8.self) == kept)
    }

    @Test(arguments: [
        ("_own=1&digest=x", "_own=1&digest=x"), ("_own=1?digest=x", "_own=1&digest=x"),
        ("_s=2&_own=1?digest=x", "_s=2&_own=1&digest=x"),
        ("_owner=1?digest=x", "_owner=1?digest=x"), ("_s=2?digest=x", "_s=2?digest=x"), ("_own?digest=x", "_own?digest=x"),
        ("_own=1?digest=x?y", "_own=1&digest=x?y"),
    ])
    func `a query begun behind the server's own parameter is joined to it`(sent: String, query: String) throws {
        #expect(try Self.target("/v2/a?" + sent, serverParameter: "_own").query.elementsEqual(query.utf8))
        #expect(try Self.target("/v2/a?" + sent).query.elementsEqual(sent.utf8))
    }

    @Test func `the server's own parameter may come once`() throws {
        #expect(throws: RequestTarget.Problem.repeatedParameter) {
            try Self.target("/v2/a?_own=1&%5Fown=2", serverParameter: "_own")
        }
        #expect(throws: RequestTarget.Problem.repeatedParameter) { try Self.target("/v2/a?_own=1?_own=2", serverParameter: "_own") }
        #expect(throws: Never.self) { try Self.target("/v2/a?_own=1&_own=2") }
    }

    @Test func `any bytes give a target or an error`() {
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40)).map { _ in "/v2%.ab;?&=_:0f2e \u{0}".utf8.randomElement() ?? 0 }
            guard let target = try? RequestTarget(bytes[...]), let endpoint = try? Endpoint(path: target.path) else { continue }
            #expect(!RegistryOperation.all(of: endpoint).isEmpty)
            #expect(!target.path.contains(0) && !target.path.contains(UInt8(ascii: " ")))
        }
    }
}
