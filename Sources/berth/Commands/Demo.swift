import ArgumentParser
import Configuration
import Crypto
import FoundationEssentials
import Gateway
import Glibc
import Logging
import Sandbox
import Telemetry
import Transport

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Run an ECR emulator with a gateway in front of it, ready for docker login. Needs no AWS account; removes its files at the end."
    )

    @Option(
        help: ArgumentHelp(
            "The gateway's address. Default: 127.0.0.1:5000, or any free port if 5000 is in use.", valueName: "address:port"))
    var listen: String?

    func validate() throws {
        guard let listen, SocketAddress(listen) == nil else { return }
        throw ValidationError("--listen \(listen): write an address and a port, like 127.0.0.1:5000")
    }

    private static let user = "demo", password = "demo"

    func run() async throws {
        protectProcessMemory()
        prepareProcess()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("berth-demo-\(UUID().uuidString.prefix(8))")
            .path
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let log = ProcessLog.ofRequests()
        defer { log.sink.flush() }
        let sandbox: ECRSandbox
        do {
            sandbox = try ECRSandbox.start(SandboxSettings(directory: directory + "/ecr"), logger: log.logger)
        } catch { throw StartError("the sandbox cannot start: \(error)") }
        let gateway = try await startGateway(before: sandbox, certificates: directory, log: log)
        showInstructions(gateway)
        await gateway.serve(reloads: false)
        await sandbox.stop()
        show("Stopped. Its files are removed.")
    }

    private func startGateway(before sandbox: ECRSandbox, certificates directory: String, log: ProcessLog) async throws
        -> RunningGateway
    {
        let authority = try CertificateAuthority(name: "Berth demo")
        let (certificate, key) = (directory + "/tls.crt", directory + "/tls.key")
        try authority.issue(for: ["localhost", "127.0.0.1", "::1"]).write(chain: certificate, privateKey: key)
        try Self.password.write(toFile: certificate + ".password", atomically: true, encoding: .utf8)
        let choices = listen.map { [$0] } ?? ["127.0.0.1:5000", "127.0.0.1:0"]
        for (index, choice) in choices.enumerated() {
            let text = configuration(before: sandbox.addresses, address: choice, certificate: certificate, key: key)
            // Nothing else of the environment, so that the user's own AWS account is not used.
            let environment = [
                "AWS_ACCESS_KEY_ID": sandbox.addresses.accessKeyID, "AWS_SECRET_ACCESS_KEY": sandbox.addresses.secretAccessKey,
            ]
            let read = { @Sendable () throws(ConfigurationProblems) in
                try SettingsFile.parse(text, file: "demo", environment: environment)
            }
            do {
                return try await RunningGateway.start(try read(), as: .alone, log: log, reading: read)
            } catch  where index + 1 < choices.count { continue } catch {
                throw StartError("the gateway cannot start: \(error)")
            }
        }
        preconditionFailure("the last choice has returned or thrown")
    }

    /// A configuration file like a user's, parsed in the same way.
    private func configuration(before sandbox: SandboxAddresses, address: String, certificate: String, key: String) -> String {
        let connectTo = sandbox.connectTo.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \"\($0.value)\"" }.joined(
            separator: "\n")
        return """
            listeners:
              - address: "\(address)"
                tls: {certificate: "\(certificate)", private_key: "\(key)"}
            admin: {address: "127.0.0.1:0"}
            upstreams:
              - name: sandbox
                registry: \(sandbox.registryHost)
                create_repositories: {match: ["**"]}
            users:
              - name: \(Self.user)
                password_file: "\(certificate).password"
                access: [{repositories: ["**"], actions: [pull, push, delete, list]}]
            connect_to:
            \(connectTo)
            ca_file: "\(sandbox.caFile)"
            timeouts: {drain: 5s}
            """
    }

    private func showInstructions(_ gateway: RunningGateway) {
        let address = gateway.dataPlane.addresses[0].reachedLocally.description
        show(
            """

            Berth is running in front of an ECR emulator. Try it from another terminal:

              echo \(Self.password) | docker login \(address) --username \(Self.user) --password-stdin
              docker tag IMAGE \(address)/team/hello:1
              docker push \(address)/team/hello:1
              docker pull \(address)/team/hello:1

            IMAGE is any local image. The push creates the repository; the password never changes.
            Its certificate is self-signed, which docker accepts from 127.0.0.1. Other clients need an option:

              skopeo copy --dest-tls-verify=false --dest-creds \(Self.user):\(Self.password) SOURCE docker://\(address)/team/hello:2
              podman login --tls-verify=false --username \(Self.user) --password \(Self.password) \(address)
              curl --insecure --user \(Self.user):\(Self.password) https://\(address)/v2/team/hello/tags/list

            Health, metrics and a status page: http://\(gateway.adminAddress)/
            Ctrl-C stops it and removes its files. Requests, as they pass:

            """)
    }
}
