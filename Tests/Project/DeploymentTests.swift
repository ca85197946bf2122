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
        let options = try #require(setup.firstMatch(of: #/RELEASE_BUILD=\((.*)\)/#)?.1)
        #expect(image.contains("RUN swift build \(options) "))
        let libraries = try #require(setup.firstMatch(of: #/C_LIBRARIES=\((.*)\)/#)?.1).split(separator: " ")
        #expect(libraries.count == 4)
        for library in libraries { #expect(image.contains("\(library.split(separator: ":")[1]) "), "\(library)") }
    }

    @Test func `the README installs the program where the unit runs it`() throws {
        let installed = #/install -m 755 \.build/release/berth (/\S+)/#
        let readme = try #require(Self.text("README.md").firstMatch(of: installed)?.1)
        let unit = try Self.text("deploy/systemd/berth.service")
        #expect(unit.firstMatch(of: installed)?.1 == readme)
        #expect(unit.contains("\nExecStart=\(readme) serve --config /etc/berth/berth.yaml\n"))
    }

    @Test func `the Kubernetes manifest says which version its fields need`() throws {
        let manifest = try Self.text("deploy/kubernetes/berth.yaml")
        // PodLifecycleSleepAction is on since 1.30.
        #expect(manifest.contains("preStop: {sleep: {") && manifest.hasPrefix("# Needs Kubernetes 1.30 or later"))
        #expect(try Self.text("README.md").contains("deploy/kubernetes/berth.yaml) 1.30 or later"))
    }

    @Test func `the image and the Kubernetes manifest set no variable that a file would make void`() throws {
        let names = #/(?m)^\s*(?:ENV |- name: )BERTH_\w+/#
        #expect(try Self.text("deploy/image/Dockerfile").firstMatch(of: names) == nil)
        let manifest = try Self.text("deploy/kubernetes/berth.yaml")
        #expect(manifest.firstMatch(of: names) == nil && manifest.contains("enableServiceLinks: false"))
    }

    /// Bytes: what a connection costs at most, and what the process takes by itself.
    private static let perConnection = 96 << 10, alone = 64 << 20

    @Test func `the Kubernetes manifest's memory suffices for as many slow clients as its configuration allows`() throws {
        let manifest = try Self.text("deploy/kubernetes/berth.yaml")
        let limit = try #require(manifest.firstMatch(of: #/limits: \{memory: ([0-9]+)([MG])i\}/#))
        let bytes = try #require(Int(limit.1)) << (limit.2 == "G" ? 30 : 20)
        // It sets none of its own.
        #expect(!manifest.contains("connections:"))
        #expect(bytes >= Self.alone + Settings().limits.connections * Self.perConnection)
    }
}
