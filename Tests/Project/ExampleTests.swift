import Access
import Crypto
import Foundation
import Testing
import Yams

@testable import Configuration

/// The examples of a configuration, read by what reads a real one.
struct ExampleTests {
    @Test func `the example for systemd is a configuration`() throws {
        let path = "deploy/systemd/berth.yaml"
        let settings = try SettingsFile.parse(Project.text(path), file: path, environment: [:])
        #expect(settings.upstreams.count == 1 && !settings.users.isEmpty)
    }

    @Test func `the example for Kubernetes is a configuration`() throws {
        let path = "deploy/kubernetes/berth.yaml"
        var documents = try Yams.load_all(yaml: Project.text(path))
        let first = try #require(documents.next() as? [String: Any])
        let data = try #require(first["data"] as? [String: String])
        // The files that a cluster would mount.
        let folder = NSTemporaryDirectory() + "berth-project-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let issued = try CertificateAuthority(name: "test", days: 1).issue(for: ["localhost"])
        try issued.write(chain: folder + "/tls.crt", privateKey: folder + "/tls.key")
        let text = try #require(data["berth.yaml"]).replacing("/etc/berth-tls", with: folder)
            .replacing("/etc/berth-password/password", with: #filePath)
        #expect(try SettingsFile.parse(text, file: path, environment: [:]).upstreams.count == 1)
    }

    @Test func `the compose file's environment is a configuration`() throws {
        let document = try #require(try Yams.load(yaml: Project.text("deploy/compose/compose.yaml")) as? [String: Any])
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
