import Testing

@testable import Registry

struct RepositoryTests {
    @Test(arguments: [
        ("a", true), ("team/app", true), ("a.b_c__d-e--f/0", true), (String(repeating: "a", count: 255), true),
        ("", false), ("A", false), ("a/", false), ("/a", false), ("a//b", false), ("a..b", false), ("a___b", false), ("-a", false),
        ("a-", false),
        ("a/../b", false), ("a b", false), ("ä", false), (String(repeating: "a", count: 256), false),
    ])
    func `a name is one by the specification's grammar`(text: String, isName: Bool) { #expect((Repository(text) != nil) == isName) }

    @Test func `a prefix is replaced where it stands, and the result is a name or nothing`() throws {
        let repository = try #require(Repository("team-a/app"))
        #expect(repository.replacing(prefix: Array("team-a/".utf8), with: Array("acme/a/".utf8))?.description == "acme/a/app")
        #expect(repository.replacing(prefix: Array("team-b/".utf8), with: []) == nil)
        #expect(repository.replacing(prefix: Array("team-a".utf8), with: []) == nil)
    }
}

struct RequestTargetTests {
    @Test(arguments: [
        ("/v2/a/manifests/1", "/v2/a/manifests/1"), ("/v2/%61/manifests/1?x=%2f", "/v2/a/manifests/1"), ("/v2/", "/v2/"),
        ("/", "/"),
    ])
    func `a path is decoded once`(text: String, path: String) throws {
        #expect(String(decoding: try RequestTarget(Array(text.utf8)[...]).path, as: UTF8.self) == path)
    }

    @Test(arguments: [
        ("/v2/a%2fb", RequestTarget.Problem.encodedSlash), ("/v2/a%5Cb", .encodedSlash), ("/v2/%2e%2e/b", .dotSegment),
        ("/v2/./b", .dotSegment),
        ("/v2/..", .dotSegment), ("/v2//b", .emptySegment), ("/v2/%", .badEscape), ("/v2/%6", .badEscape), ("/v2/%zz", .badEscape),
        ("/v2/%00", .controlCharacter), ("/v2/%20", .controlCharacter), ("/v2/%c3%a4", .controlCharacter),
        ("/v2/a?from=x&from=y", .repeatedParameter), ("/v2/a?from=x&%66rom=y", .repeatedParameter),
        ("/v2/a?mount=x;from=y", .semicolon), ("/v2/a?digest=x#y", .fragment),
        ("/v2/a?" + String(repeating: "x&", count: 64), .manyParameters),
        ("/v2/" + String(repeating: "a/", count: 2048), .longPath),
    ])
    func `a target that two readers could take for different ones is refused`(text: String, problem: RequestTarget.Problem) {
        #expect(throws: problem) { try RequestTarget(Array(text.utf8)[...]) }
    }

    @Test func `parameters are decoded, and the query passes as it was sent`() throws {
        let target = try RequestTarget(Array("/v2/a?digest=sha256%3Aaa&ns=docker.io&_state=a+b%2F".utf8)[...])
        #expect(target.parameter("digest").map { String(decoding: $0, as: UTF8.self) } == "sha256:aa")
        #expect(target.parameter("absent") == nil)
        #expect(String(decoding: target.query(without: ["ns"]), as: UTF8.self) == "digest=sha256%3Aaa&_state=a+b%2F")
    }

    @Test func `whatever bytes come, there is a target or a refusal`() {
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40)).map { _ in "/v2%.ab;?&=_:0f2e \u{0}".utf8.randomElement() ?? 0 }
            guard let target = try? RequestTarget(bytes[...]), let endpoint = try? Endpoint(path: target.path) else { continue }
            #expect(!RegistryOperation.all(of: endpoint).isEmpty)
            #expect(!target.path.contains(0) && !target.path.contains(UInt8(ascii: " ")))
        }
    }
}

struct EndpointTests {
    static let digest = "sha256:" + String(repeating: "0a", count: 32)

    @Test func `each path of the specification is its endpoint`() throws {
        func endpoint(_ path: String) throws -> Endpoint { try Endpoint(path: Array(path.utf8)) }
        let name = try #require(Repository("a/blobs/b")), digest = try #require(Digest(Self.digest))
        #expect(try endpoint("/v2/") == .ping && endpoint("/v2") == .ping)
        #expect(try endpoint("/v2/_catalog") == .catalog)
        #expect(try endpoint("/v2/a/blobs/b/tags/list") == .tags(name))
        #expect(try endpoint("/v2/a/blobs/b/manifests/\(Self.digest)") == .manifest(name, .digest(digest)))
        #expect(try endpoint("/v2/a/blobs/b/blobs/\(Self.digest)") == .blob(name, digest))
        #expect(
            try endpoint("/v2/a/blobs/b/blobs/uploads/") == .uploads(name)
                && endpoint("/v2/a/blobs/b/blobs/uploads") == .uploads(name))
        #expect(try endpoint("/v2/a/blobs/b/blobs/uploads/u-1") == .upload(name, session: Array("u-1".utf8)))
        #expect(try endpoint("/v2/a/blobs/b/referrers/\(Self.digest)") == .referrers(name, digest))
    }

    @Test(arguments: [
        ("/", 404), ("/v1/", 404), ("/v2x", 404), ("/v2/a", 404), ("/v2/a/tags", 404), ("/v2/A/tags/list", 400),
        ("/v2/a/manifests/-x", 400),
        ("/v2/a/blobs/sha256:short", 400), ("/v2/a/blobs/uploads/u:1", 404), ("/v2/manifests/x", 404), ("/v2/a/secrets/x", 404),
    ])
    func `any other path is refused`(path: String, status: Int) {
        let error = #expect(throws: RegistryError.self) { try Endpoint(path: Array(path.utf8)) }
        #expect(error?.status == status)
    }

    @Test func `an error is JSON whatever its message holds`() {
        let json = String(decoding: RegistryError(.denied, "a \"b\" \\ \n").json(requestID: "r"), as: UTF8.self)
        #expect(
            json
                == "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"a \\\"b\\\" \\\\ \\u000a\",\"detail\":{\"request_id\":\"r\"}}]}\n"
        )
    }
}
