import Configuration
import Crypto
import Foundation
import Testing

@testable import Recipes

/// A configuration, and what a recipe made from it must say.
struct Sample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    var address: String?
    /// As in an image's name.
    var authority = "registry.example.com"
    var isHTTPS = true
    var hasPrivateAuthority = false
    /// Whether docker finds a mirror of Docker Hub.
    var hasHub = false
    var isMirrorOnly = false

    var request: RecipeRequest { RecipeRequest(address: address, machine: "node1.example.com") }

    static let password = "never-to-be-printed"
    private static let hash = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"
    private static let upstream = "upstreams: [{name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}]\n"
    private static let users = """
        users:
          - {name: rancher, password_hash: "\(hash)", access: [{repositories: ["team-a/**"], actions: [pull]}]}
          - {name: ci, password_file: FOLDER/password, access: [{repositories: ["**"], actions: [pull, push]}]}

        """
    private static let mirrors = """
        routes:
          - {upstream: main}
          - {namespace: docker.io, upstream: main, upstream_prefix: docker-hub/}
          - {namespace: quay.io, upstream: main, prefix: prometheus/, upstream_prefix: quay/prometheus/}
          - {host: hub.example.com, upstream: main, upstream_prefix: docker-hub/}
        anonymous:
          access:
            - {repositories: ["**"], actions: [pull], namespace: docker.io}
            - {repositories: ["**"], actions: [pull], host: hub.example.com}

        """
    private static let certificate = "tls: {certificate: FOLDER/tls.crt, private_key: FOLDER/tls.key}"

    static let plain = Sample(
        testDescription: "plain HTTP", text: upstream + users, address: "http://registry.example.com:5000",
        authority: "registry.example.com:5000", isHTTPS: false)
    static let tls = Sample(
        testDescription: "private authority",
        text: "listeners: [{address: 0.0.0.0:443, \(certificate)}]\n" + upstream + users, hasPrivateAuthority: true)
    static let oddUser = Sample(
        testDescription: "user with quotes",
        text: "listeners: [{address: 0.0.0.0:443, \(certificate)}]\n" + upstream
            + "users: [{name: \"o'neil $HOME\", password_hash: \"\(hash)\", access: [{repositories: [\"**\"], actions: [pull, push]}]}]\n",
        hasPrivateAuthority: true)

    static let all = [
        plain, tls, oddUser,
        Sample(
            testDescription: "mirrors", text: "listeners: [{address: 0.0.0.0:443, \(certificate)}]\n" + upstream + users + mirrors,
            hasPrivateAuthority: true, hasHub: true),
        Sample(
            testDescription: "mirrors over plain HTTP", text: upstream + users + mirrors, address: "http://registry.example.com",
            isHTTPS: false, hasHub: true),
        Sample(
            testDescription: "mirrors only", text: "listeners: [{address: 0.0.0.0:443, \(certificate)}]\n" + upstream + mirrors,
            hasPrivateAuthority: true, hasHub: true, isMirrorOnly: true),
        Sample(
            testDescription: "anonymous",
            text: "listeners: [{address: 0.0.0.0:5000, public_url: https://registry.example.com}]\n" + upstream
                + "anonymous: {access: [{repositories: [\"public/**\"], actions: [pull]}]}\n"),
        Sample(
            testDescription: "behind a proxy",
            text: "listeners: [{address: 0.0.0.0:5000, trusted_proxies: [10.0.0.0/8]}]\n" + upstream + users,
            address: "registry.example.com"),
        Sample(
            testDescription: "several listeners",
            text: "listeners: [{address: 127.0.0.1:5000}, {address: 10.0.0.5:5443, \(certificate)}]\n" + upstream + users,
            address: "registry.example.com:5443", authority: "registry.example.com:5443", hasPrivateAuthority: true),
        Sample(
            testDescription: "loopback", text: "listeners: [{address: 127.0.0.1:5000}]\n" + upstream + users,
            authority: "127.0.0.1:5000", isHTTPS: false),
        Sample(
            testDescription: "renamed",
            text: "listeners: [{address: 0.0.0.0:443, \(certificate)}]\n" + upstream + users
                + "routes: [{prefix: team-a/, upstream: main, upstream_prefix: acme/a/}]\n", hasPrivateAuthority: true),
    ]

    /// The files that it names are written into the folder.
    func settings(_ folder: Folder) throws -> Settings {
        try folder.write(Self.password, "password")
        try folder.issue(["registry.example.com", "hub.example.com", "*.internal"])
        return try SettingsFile.parse(text.replacing("FOLDER", with: folder.path), file: "berth.yaml", environment: [:])
    }
}

/// A directory of files for one test, removed at its end.
final class Folder {
    let path = NSTemporaryDirectory() + "berth-recipes-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    func write(_ text: String, _ name: String) throws {
        try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
    }

    /// Makes tls.crt and tls.key, and ca.pem of their authority.
    func issue(_ names: [String]) throws {
        let authority = try CertificateAuthority(name: "Example CA", days: 1)
        try authority.write(to: path + "/ca.pem")
        try authority.issue(for: names).write(chain: path + "/tls.crt", privateKey: path + "/tls.key")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
