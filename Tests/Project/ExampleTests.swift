import Access
import Crypto
import Foundation
import Testing

@testable import Configuration

/// The examples of a configuration, read by what reads a real one.
struct ExampleTests {
    /// Those that are files of their own.
    static let files = (try? Project.files(in: "deploy"))?.filter { $0.hasSuffix("/berth.yaml") } ?? []

    @Test func `there is an example for systemd, Kubernetes, ECS and Swarm`() {
        for folder in ["systemd", "kubernetes/base", "kubernetes/overlays/complete", "kubernetes/overlays/cache", "ecs", "compose"]
        {
            #expect(Self.files.contains("deploy/\(folder)/berth.yaml"))
        }
    }

    @Test(arguments: files) func `an example is a configuration without warnings`(path: String) throws {
        // In the place of the files that an installation has.
        let folder = NSTemporaryDirectory() + "berth-project-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let issued = try CertificateAuthority(name: "test", days: 1).issue(for: ["localhost"])
        var text = try Project.text(path)
        for match in text.matches(of: #/: (\/(?:etc|run)\/[\w\/.-]+)/#) {
            let file = "\(folder)/\(match.1.split(separator: "/").last ?? "")"
            switch file {
            case _ where file.hasSuffix("crt") || file.hasSuffix("key") && file.contains("tls"):
                try issued.write(chain: folder + "/chain", privateKey: folder + "/key")
                text.replace(match.1, with: folder + (file.hasSuffix("crt") ? "/chain" : "/key"))
            default:
                try String(repeating: "x", count: 64).write(toFile: file, atomically: true, encoding: .utf8)
                text.replace(match.1, with: file)
            }
        }
        let settings = try SettingsFile.parse(text, file: path, environment: [:])
        // On ECS the security group guards the admin listener, since a task has one file.
        let warnings = settings.warnings.filter { !path.hasPrefix("deploy/ecs/") || !$0.contains("set admin.token_file") }
        #expect(!settings.upstreams.isEmpty && !settings.users.isEmpty && warnings.isEmpty)
    }

    @Test func `the compose file's environment is a configuration`() throws {
        let document = try #require(try Project.yaml("deploy/compose/compose.yaml"))
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

    @Test func `the README's mirror is a configuration, and opens nothing but the mirror`() throws {
        let readme = try Project.text("README.md")
        let mirror = try #require(readme.firstMatch(of: #/```yaml\n(routes:.*?)```/#.dotMatchesNewlines()))
        let text = "upstreams: [{name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}]\n" + mirror.1
        let settings = try SettingsFile.parse(text, file: "README.md", environment: [:])
        #expect(settings.routes.count == 3 && settings.warnings.isEmpty)
        #expect(settings.anonymous?.contains { $0.host == nil && $0.namespace == nil } == false)
    }
}
