import Foundation
import Testing

@testable import Configuration

/// What is written more than once about building and installing, and must agree.
struct DeploymentTests {
    private static func text(_ path: String) throws -> String { try Project.text(path) }

    @Test func `each package is pinned to the version that the README names`() throws {
        let package = try Self.text("Package.swift")
        let pinned = package.matches(of: #/\.package\(url: "([^"]+)", exact: "([0-9.]+)"\)/#).map { "\($0.1) \($0.2)" }
        #expect(pinned.count == package.matches(of: #/\.package\(/#).count, "a package without an exact version")
        let rows = try Self.text("README.md").matches(of: #/(?m)^\| \[[\w-]+\]\((https://github\.com/[^)]+)\) \| ([0-9.]+) \|/#)
        #expect(Set(rows.map { "\($0.1) \($0.2)" }) == Set(pinned) && rows.count == pinned.count)
    }

    @Test func `the image is built as deploy/build builds, with the same libraries`() throws {
        let image = try Self.text("deploy/image/Dockerfile"), setup = try Self.text("deploy/lib/setup.sh")
        #expect(image.contains("RUN deploy/build "))
        let libraries = try #require(setup.firstMatch(of: #/C_LIBRARIES=\((.*)\)/#)?.1).split(separator: " ")
        #expect(libraries.count == 5)
        for library in libraries { #expect(image.contains("\(library.split(separator: ":")[1]) "), "\(library)") }
    }

    @Test func `the version is the same wherever it is written`() throws {
        let version = try #require(Self.text("Sources/berth/ProgramVersion.swift").firstMatch(of: #/text = "([^"]+)"/#)?.1)
        #expect(try Self.text("openapi.yaml").firstMatch(of: #/(?m)^  version: (\S+)$/#)?.1 == version)
        #expect(try Self.text("deploy/image/Dockerfile").firstMatch(of: #/image\.version="([^"]+)"/#)?.1 == version)
        let newest = try Self.text(".github/CHANGELOG.md").firstMatch(of: #/(?m)^## ([0-9]\S*)/#)?.1
        #expect(newest == version)
    }

    @Test func `the package installs the program where its unit runs it`() throws {
        let packaging = try Self.text("deploy/lib/packaging.sh"), unit = try Self.text("deploy/systemd/berth.service")
        let program = try #require(packaging.firstMatch(of: #/install -D -m 755 "\$work\/berth" "\$tree(\/usr\S+)"/#)?.1)
        #expect(unit.contains("\nExecStart=\(program) serve --config /etc/berth/berth.yaml\n"))
        // What the scripts of the package call the user is what the unit runs as.
        let user = try #require(unit.firstMatch(of: #/(?m)^User=(\w+)$/#)?.1)
        #expect(try Self.text("deploy/deb/postinst").contains("getent passwd \(user) "))
        #expect(try Self.text("deploy/deb/postrm").contains("userdel \(user) "))
    }

    @Test func `the documents say which version of Kubernetes the fields need`() throws {
        // PodLifecycleSleepAction is on since 1.30, so `sleep` must be the command.
        #expect(try Self.text(Self.pod).contains(#"preStop: {exec: {command: ["sleep", "5"]}}"#))
        #expect(try Self.text("README.md").contains("deploy/kubernetes) 1.29 or later"))
        #expect(try Self.text("deploy/README.md").contains("## Kubernetes\n\nVersion 1.29 or later."))
    }

    @Test func `check and the package name the same command for the service's own user`() throws {
        let code = try Self.text("Sources/berth/Checks/ServiceUser.swift")
        let command = try #require(code.firstMatch(of: #/"(sudo systemd-run [^"]+)"/#)?.1)
        #expect(try Self.text("deploy/deb/environment").contains("\n# \(command)\n"))
    }

    @Test func `the examples run the version that this source is`() throws {
        let source = try Self.text("Sources/berth/ProgramVersion.swift")
        let version = try #require(source.firstMatch(of: #/"([0-9]+\.[0-9]+\.[0-9]+)"/#)?.1)
        let examples = ["compose/stack.yaml", "ecs/task-definition.json", "kubernetes/overlays/complete/kustomization.yaml"]
        for example in examples {
            let tags = try Self.text("deploy/" + example).matches(of: #/(?:/berth:|newTag: ")([0-9.]+)"?/#).map(\.1)
            #expect(!tags.isEmpty && tags.allSatisfy { $0 == version }, "\(example) has \(tags)")
        }
    }

    private static let pod = "deploy/kubernetes/base/deployment.yaml"

    @Test func `the image and the pod set no variable that a file would make void`() throws {
        let names = #/(?m)^\s*(?:ENV |- name: )BERTH_\w+/#
        #expect(try Self.text("deploy/image/Dockerfile").firstMatch(of: names) == nil)
        let manifest = try Self.text(Self.pod)
        #expect(manifest.firstMatch(of: names) == nil && manifest.contains("enableServiceLinks: false"))
    }

    /// Bytes: what a connection costs at most, with its upstream connection and TLS on both, and what the process takes by itself.
    private static let perConnection = 132 << 10, alone = 64 << 20

    @Test func `a pod's memory suffices for as many slow clients as its configuration allows`() throws {
        let manifest = try Self.text(Self.pod)
        let limit = try #require(manifest.firstMatch(of: #/limits: \{memory: ([0-9]+)([MG])i\}/#))
        let bytes = try #require(Int(limit.1)) << (limit.2 == "G" ? 30 : 20)
        // It sets none of its own.
        #expect(try !Self.text("deploy/kubernetes/base/berth.yaml").contains("connections:"))
        #expect(bytes >= Self.alone + Settings().limits.connections * Self.perConnection)
    }
}
