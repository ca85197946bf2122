import FoundationEssentials
import Sandbox

/// The configuration of a gateway in front of a sandbox, with files for its keys and a password.
struct SandboxConfiguration {
    /// Of the configuration file.
    let path: String
    /// Of another one, for this sandbox alone, where `path` has it as a fallback: nothing replicates what is pushed to the first.
    let ownPath: String
    /// The sandbox whose fallback this one is; nil: this one is the only registry.
    let first: SandboxAddresses?
    private let own: SandboxAddresses

    /// - Parameter other: the sandbox of another region of this account; nil: there is none.
    init(_ sandbox: ECRSandbox, fallbackOf other: SandboxAddresses?) {
        (path, ownPath) = (sandbox.directory + "/berth.yaml", sandbox.directory + "/alone.yaml")
        own = sandbox.addresses
        first = other.flatMap { $0.registryHost == sandbox.addresses.registryHost ? nil : $0 }
    }

    func write() throws {
        try Self.write(
            "[default]\naws_access_key_id = \(own.accessKeyID)\naws_secret_access_key = \(own.secretAccessKey)\n",
            to: "\(path).credentials")
        try Self.write("test\n", to: "\(path).password")
        try Self.write(text(own, fallback: nil, trusting: own.caFile, own.connectTo), to: first == nil ? path : ownPath)
        guard let first else { return }
        let authorities = try [first, own].map { try String(contentsOfFile: $0.caFile, encoding: .utf8) }
        try Self.write(authorities.joined(), to: "\(path).ca")
        // Names that are in no region lead to the first.
        let connectTo = own.connectTo.merging(first.connectTo) { $1 }
        try Self.write(text(first, fallback: own, trusting: "\(path).ca", connectTo), to: path)
    }

    private func text(
        _ registry: SandboxAddresses, fallback: SandboxAddresses?, trusting authority: String, _ connectTo: [String: String]
    ) -> String {
        """
        listeners: [{address: "127.0.0.1:5000"}]
        upstreams:
          - name: sandbox
            registry: \(registry.registryHost)\(fallback.map { "\n    fallbacks: [\($0.registryHost)]" } ?? "")
            credentials: {source: profile, profile: default}
            create_repositories: {match: ["**"]}
        users:
          - name: test
            password_file: "\(path).password"
            access: [{repositories: ["**"], actions: [pull, push, delete, list]}]
        ca_file: "\(authority)"
        connect_to:
        \(connectTo.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \"\($0.value)\"\n" }.joined())
        """
    }

    /// Its ports and keys are no longer valid.
    func remove() {
        for path in [path, ownPath] + ["credentials", "password", "ca"].map({ "\(path).\($0)" }) {
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    private static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
