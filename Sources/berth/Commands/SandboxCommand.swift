import ArgumentParser
import Crypto
import FoundationEssentials
import Glibc
import Logging
import Sandbox
import Telemetry
import Transport

struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract:
            "Run an ECR emulator: registry, API, STS, S3 and instance metadata, with their quirks, and with faults on demand.",
        discussion: "Quirks, for --quirk:\n" + Quirk.allCases.map(Self.line).joined(separator: "\n"))

    private static func line(of quirk: Quirk) -> String {
        let name = quirk.rawValue.padded(to: 28)
        return "  \(name)\(quirk.isOnByDefault ? "on   " : "off  ")\(quirk.meaning)"
    }

    @Option(
        help: ArgumentHelp(
            "The directory for blobs and images. Default: a temporary one, removed at the end.", valueName: "directory"))
    var data: String?

    @Option(help: ArgumentHelp("The IP address to listen on.", valueName: "address"))
    var listen = "127.0.0.1"

    @Option(help: "The AWS account, twelve digits. Default: 123456789012.")
    var account: String?

    @Option(
        help: ArgumentHelp(
            "Another sandbox's --data: this one is another region of its account, with the same keys.", valueName: "directory"))
    var sameAccountAs: String?

    @Option(help: "The AWS region.")
    var region = "eu-west-1"

    @Option(help: ArgumentHelp("Turn a quirk on or off; may be given several times.", valueName: "name=on|off"))
    var quirk: [String] = []

    func validate() throws { _ = try settings() }

    private func settings() throws(ValidationError) -> SandboxSettings {
        var settings = SandboxSettings(directory: data)
        (settings.address, settings.region) = (listen, region)
        if let sameAccountAs {
            let path = sameAccountAs + "/sandbox.json"
            guard let data = try? Data(contentsOf: URL(filePath: path)),
                let other = try? JSONDecoder().decode(SandboxAddresses.self, from: data)
            else {
                throw ValidationError("--same-account-as: no sandbox runs with --data \(sameAccountAs): \(path) cannot be read")
            }
            (settings.account, settings.accessKeyID) = (other.account, other.accessKeyID)
            settings.secretAccessKey = Secret(other.secretAccessKey)
        }
        if let account { settings.account = account }
        for text in quirk {
            let parts = text.split(separator: "=").map(String.init)
            guard parts.count == 2, let quirk = Quirk(rawValue: parts[0]), ["on", "off"].contains(parts[1]) else {
                let names = Quirk.allCases.map(\.rawValue).sorted().joined(separator: ", ")
                throw ValidationError("--quirk \(text): write name=on or name=off; names are \(names)")
            }
            settings.quirks[quirk] = parts[1] == "on"
        }
        if let problem = settings.problem {
            throw ValidationError("--\(problem.property == "address" ? "listen" : problem.property): \(problem.text)")
        }
        return settings
    }

    func run() async throws {
        prepareProcess()
        let settings = try settings()
        let sink = LogSink(level: .notice)
        defer { sink.flush() }
        let logger = Logger(label: "sandbox") { _ in StructuredLogHandler(sink: sink) }
        // Before the sandbox has files that a signal would leave behind.
        let control = EventLoop()
        let signals = ProcessSignals.stream(of: [SIGTERM, SIGINT, SIGHUP], on: control)
        control.start(named: "control")
        let sandbox: ECRSandbox
        do { sandbox = try ECRSandbox.start(settings, logger: logger) } catch { throw StartError("\(error)") }
        let configuration = try writeConfiguration(of: sandbox)
        show("The sandbox is running. Its addresses and keys: \(sandbox.directory)/sandbox.json")
        show("To run a gateway in front of it, on 127.0.0.1:5000 for user test with password test:")
        show("  AWS_SHARED_CREDENTIALS_FILE=\(configuration).credentials berth serve --config \(configuration)")
        show("Faults, quirks and counters: \(sandbox.addresses.control)")
        for await _ in signals { break }
        await sandbox.stop()
        for path in [configuration, configuration + ".credentials", configuration + ".password"] where data != nil {
            try? FileManager.default.removeItem(atPath: path)  // its ports and keys are no longer valid
        }
    }

    /// Writes a configuration for a gateway in front of the sandbox, with files for its keys and a password.
    /// - Returns: its path.
    private func writeConfiguration(of sandbox: ECRSandbox) throws -> String {
        let path = sandbox.directory + "/berth.yaml", addresses = sandbox.addresses
        func write(_ text: String, _ suffix: String = "") throws {
            try Data(text.utf8).write(to: URL(filePath: path + suffix))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path + suffix)
        }
        try write(
            "[default]\naws_access_key_id = \(addresses.accessKeyID)\naws_secret_access_key = \(addresses.secretAccessKey)\n",
            ".credentials")
        try write("test\n", ".password")
        let connectTo = addresses.connectTo.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \"\($0.value)\"\n" }.joined()
        try write(
            """
            listeners: [{address: "127.0.0.1:5000"}]
            upstreams:
              - name: sandbox
                registry: \(addresses.registryHost)
                credentials: {source: profile, profile: default}
                create_repositories: {match: ["**"]}
            users:
              - name: test
                password_file: "\(path).password"
                access: [{repositories: ["**"], actions: [pull, push, delete, list]}]
            ca_file: "\(addresses.caFile)"
            connect_to:
            \(connectTo)
            """)
        return path
    }
}
