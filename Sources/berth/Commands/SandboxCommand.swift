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
        discussion: """
            Faults on demand, at the address for faults, quirks and counters that the sandbox prints at its start:

            curl -d '{"where":"registry","kind":"reset","times":-1}' 127.0.0.1:PORT/faults

            curl -X DELETE 127.0.0.1:PORT/faults

            where: registry, api, s3, metadata. kind: status, reset, stall, truncate, corrupt. times: how many requests; 1 if absent, -1 for all. Also match: {"method": "GET", "path_prefix": "/v2/"}, status, seconds (of a stall), after_bytes (of a body), share (0 to 1).

            Quirks, for --quirk:
            \(Quirk.allCases.map(Self.line).joined(separator: "\n"))
            """)

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
            "Another sandbox's --data: this one is another region of its account, with the same keys. The configuration that it writes has this region as the other's fallback.",
            valueName: "directory"))
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
            let other = try Self.addresses(in: sameAccountAs)
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

    /// Of the sandbox that runs with a directory.
    private static func addresses(in directory: String) throws(ValidationError) -> SandboxAddresses {
        let path = directory + "/sandbox.json"
        guard let data = try? Data(contentsOf: URL(filePath: path)),
            let addresses = try? JSONDecoder().decode(SandboxAddresses.self, from: data)
        else {
            throw ValidationError("--same-account-as: no sandbox runs with --data \(directory): \(path) cannot be read")
        }
        return addresses
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
        let other = try sameAccountAs.map { directory throws(ValidationError) in try Self.addresses(in: directory) }
        let configuration = SandboxConfiguration(sandbox, fallbackOf: other)
        try configuration.write()
        show("The sandbox is running. Its addresses and keys: \(sandbox.directory)/sandbox.json")
        let place = configuration.first.map { "\($0.registryHost), with this one as its fallback" } ?? "it"
        show("To run a gateway in front of \(place), on 127.0.0.1:5000 for user test with password test:")
        show("  AWS_SHARED_CREDENTIALS_FILE=\(configuration.path).credentials berth serve --config \(configuration.path)")
        show("Faults, quirks and counters: \(sandbox.addresses.control)")
        for await _ in signals { break }
        await sandbox.stop()
        if data != nil { configuration.remove() }
    }
}
