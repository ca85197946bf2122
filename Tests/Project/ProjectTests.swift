import Crypto
import Foundation
import Registry
import Testing
import Yams

@testable import Configuration

/// Rules of the house that no compiler keeps.
struct ProjectTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(_ path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

    /// Each Swift file below `Sources` with its room.
    static func sources() throws -> [(room: String, path: String, lines: [String])] {
        let folder = root.appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.map { file in
            let relative = file.path.dropFirst(folder.path.count + 1)
            return (
                String(relative.prefix { $0 != "/" }), String(relative),
                try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
            )
        }
    }

    /// From the ground up: a room imports rooms before it.
    static let rooms = [
        "HTTP", "Crypto", "Transport", "Telemetry", "HTTPServer", "Registry", "Configuration", "AWS", "Access", "Sandbox",
        "Gateway", "Admin",
        "berth",
    ]
    static let owners = ["CLibevent": "Transport", "COpenSSL": "Crypto", "CCurl": "Transport", "CCrypt": "Access"]

    static func imports(_ lines: [String]) -> [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), at <= 1, words.count > at + 1 else { return nil }
            return words[at + 1].split(separator: ".").first.map(String.init)
        }
    }

    @Test func `a room imports only rooms below it, and a C library has one owner`() throws {
        let sources = try Self.sources()
        #expect(Set(sources.map(\.room)) == Set(Self.rooms))
        for file in sources {
            let floor = try #require(Self.rooms.firstIndex(of: file.room))
            for name in Self.imports(file.lines) {
                if let other = Self.rooms.firstIndex(of: name) { #expect(other < floor, "\(file.path) imports \(name)") }
                if let owner = Self.owners[name] { #expect(owner == file.room, "\(file.path) imports \(name)") }
            }
        }
    }

    @Test func `what the compiler is told to trust has its reason at hand`() throws {
        let trusted = ["@unchecked Sendable", "nonisolated(unsafe)", "try!", "as!", "fatalError("]
        for file in try Self.sources() {
            for (number, line) in file.lines.enumerated() where trusted.contains(where: line.contains) && !line.contains("///") {
                // On the line, or in the comment that ends above the declaration.
                let above = file.lines[max(0, number - 6)..<number]
                #expect(line.contains("//") || above.contains { $0.contains("//") }, "\(file.path):\(number + 1)")
            }
        }
    }

    @Test func `openapi.yaml describes each endpoint of the registry and each of its methods`() throws {
        let document = try #require(try Yams.load(yaml: Self.text("openapi.yaml")) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        var described: [String: Set<String>] = [:]
        for (path, item) in paths where path.hasPrefix("/v2") {
            described[path] = Set(item.keys.map { $0.uppercased() }).intersection(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"])
        }
        let digest = "sha256:" + String(repeating: "a", count: 64)
        var served: [String: Set<String>] = [:]
        for (path, item) in paths where path.hasPrefix("/v2") {
            let concrete = path.replacingOccurrences(of: "{name}", with: "team/app").replacingOccurrences(
                of: "{reference}", with: "latest"
            )
            .replacingOccurrences(of: "{digest}", with: digest).replacingOccurrences(of: "{session}", with: "u")
            let endpoint = try Endpoint(path: Array(concrete.utf8))
            served[path] = Set(RegistryOperation.all(of: endpoint).map { "\($0.method)" })
            #expect(item.isEmpty == false)
        }
        // HEAD of the API's root is answered like GET and needs no entry.
        served["/v2/"]?.remove("HEAD")
        #expect(described == served)
        #expect(served.count == 8, "every endpoint of Registry is described")
    }

    @Test func `openapi.yaml and the admin listener name the same paths`() throws {
        let document = try #require(try Yams.load(yaml: Self.text("openapi.yaml")) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: Any])
        let code = try Self.text("Sources/Admin/AdminHost.swift")
        // The token service is the registry listener's, though it lies outside of the registry API.
        let plain = paths.keys.filter { !$0.hasPrefix("/v2") && $0 != "/token" && !$0.contains("{") }
        #expect(plain.count == 7)
        for path in plain { #expect(code.contains("case \"\(path)\""), "\(path)") }
        let inCode = code.matches(of: #/case "(/[^"]*)"/#).map { String($0.1) }
        #expect(Set(inCode) == Set(plain))
    }

    @Test(arguments: ["deploy/systemd/berth.yaml", "deploy/kubernetes/berth.yaml"])
    func `an example of a configuration is one`(path: String) throws {
        var text = try Self.text(path)
        if path.contains("kubernetes") {
            var documents = try Yams.load_all(yaml: text)
            let first = try #require(documents.next() as? [String: Any])
            let data = try #require(first["data"] as? [String: String])
            text = try #require(data["berth.yaml"])
            // The files that a cluster would mount.
            let folder = NSTemporaryDirectory() + "berth-house-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let issued = try CertificateAuthority(name: "test", days: 1).issue(for: ["localhost"])
            try issued.write(chain: folder + "/tls.crt", privateKey: folder + "/tls.key")
            text = text.replacingOccurrences(of: "/etc/berth-tls", with: folder)
                .replacingOccurrences(of: "/etc/berth-password/password", with: #filePath)
            #expect(try Settings.parse(text, file: path, environment: [:]).upstreams.count == 1)
            return
        }
        let settings = try Settings.parse(text, file: path, environment: [:])
        #expect(settings.upstreams.count == 1 && !settings.users.isEmpty)
    }

    @Test func `the README's mirror is a configuration, and opens nothing but the mirror`() throws {
        let readme = try Self.text("README.md")
        let mirror = try #require(readme.firstMatch(of: #/```yaml\n(routes:.*?)```/#.dotMatchesNewlines()))
        let text = "upstreams: [{name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}]\n" + mirror.1
        let settings = try Settings.parse(text, file: "README.md", environment: [:])
        #expect(settings.routes.count == 3 && settings.warnings.isEmpty)
        #expect(settings.anonymous?.contains { $0.host == nil && $0.namespace == nil } == false)
    }

    @Test func `the README's links lead somewhere, and its keys are those of the configuration`() throws {
        let readme = try Self.text("README.md")
        for match in readme.matches(of: #/\]\(([^)#:]+)\)/#) {
            #expect(FileManager.default.fileExists(atPath: Self.root.appending(path: String(match.1)).path), "\(match.1)")
        }
        let reader = try Self.sources().filter { $0.room == "Configuration" }.flatMap(\.lines).joined(separator: "\n")
        let keys = reader.matches(
            of:
                #/(?:string|required|one|flag|count|duration|size|strings|table|section|sections|address|patterns|path|requiredPath|fileText|nameStart)\((?:\w+, )?"([a-z_]+)"/#
        )
        .map { String($0.1) }
        #expect(keys.count > 40)
        for key in Set(keys) { #expect(readme.contains(key), "\(key)") }
    }

    @Test func `the compose file's environment is a configuration`() throws {
        let document = try #require(try Yams.load(yaml: Self.text("deploy/compose/compose.yaml")) as? [String: Any])
        let service = try #require((document["services"] as? [String: [String: Any]])?["berth"])
        var environment = try #require(service["environment"] as? [String: String])
        // What a person exports, and the defaults of the rest.
        let exported = ["BERTH_REGISTRY": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "BERTH_PASSWORD": "x"]
        for (name, value) in environment {
            guard let match = value.wholeMatch(of: #/\$\{([A-Z_]+):([-?])(.*)\}/#) else { continue }
            environment[name] = match.2 == "-" ? String(match.3) : exported[String(match.1)]
        }
        let settings = try EnvironmentReader(environment: environment).read()
        #expect(settings.users.map(\.name) == ["rancher"])
        #expect("\(settings.admin)" == "0.0.0.0:5001")
    }

    @Test func `a variable that is written about is one that is read`() throws {
        let written = try ["README.md", "deploy/compose/compose.yaml", "deploy/kubernetes/berth.yaml", "deploy/rancher/README.md"]
            .flatMap { try Self.text($0).matches(of: #/BERTH_[A-Z_]*[A-Z]/#).map { String($0.0) } }
        let code = try Self.text("Sources/Configuration/EnvironmentVariable.swift")
        let read = Set(code.matches(of: #/"(BERTH_[A-Z_]+)"/#).map { String($0.1) })
        #expect(Set(written).subtracting(read).isEmpty)
        #expect(try read.isSubset(of: Self.text("README.md").matches(of: #/BERTH_[A-Z_]*[A-Z]/#).map { String($0.0) }))
    }

    @Test func `the README names the metrics that there are`() throws {
        let names = #/berth_[a-z_]+[a-z]/#
        let readme = try Set(Self.text("README.md").matches(of: names).map { String($0.0) })
        let code = try Set(Self.text("Sources/Telemetry/MetricsText.swift").matches(of: #/"(berth_[a-z_]+)"/#).map { String($0.1) })
        #expect(readme == code)
        #expect(code.count == 14)
    }
}
