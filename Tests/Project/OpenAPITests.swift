import Registry
import Testing

/// `openapi.yaml` and the code.
struct OpenAPITests {
    private static func paths() throws -> [String: [String: Any]] {
        let document = try #require(try Project.yaml("openapi.yaml"))
        return try #require(document["paths"] as? [String: [String: Any]])
    }

    @Test func `openapi.yaml describes each endpoint of the registry and each of its methods`() throws {
        let paths = try Self.paths()
        var described: [String: Set<String>] = [:]
        for (path, item) in paths where path.hasPrefix("/v2") {
            described[path] = Set(item.keys.map { $0.uppercased() }).intersection(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"])
        }
        let digest = "sha256:" + String(repeating: "a", count: 64)
        var served: [String: Set<String>] = [:]
        for (path, item) in paths where path.hasPrefix("/v2") {
            let concrete = path.replacing("{name}", with: "team/app").replacing("{reference}", with: "latest")
                .replacing("{digest}", with: digest).replacing("{session}", with: "u")
            let endpoint = try Endpoint(path: Array(concrete.utf8))
            served[path] = Set(RegistryOperation.all(of: endpoint).map { "\($0.method)" })
            #expect(item.isEmpty == false)
        }
        // HEAD of the API's root is served like GET and needs no entry.
        served["/v2/"]?.remove("HEAD")
        #expect(described == served)
        #expect(served.count == 8, "every endpoint of Registry is described")
    }

    @Test func `openapi.yaml and the admin listener name the same paths`() throws {
        let code = try Project.text("Sources/Admin/AdminPath.swift")
        // The token service belongs to the registry's listeners, though it lies outside of the registry API.
        let plain = try Self.paths().keys.filter { !$0.hasPrefix("/v2") && $0 != "/token" && !$0.contains("{") }
        #expect(plain.count == 19)
        for path in plain { #expect(code.contains("case \"\(path)\""), "\(path)") }
        let inCode = code.matches(of: #/case "(/[^"]*)"/#).map { String($0.1) }
        #expect(Set(inCode) == Set(plain))
    }
}
