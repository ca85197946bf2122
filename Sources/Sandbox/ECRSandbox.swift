import Crypto
package import Logging
import Transport

/// An ECR emulator: control API, STS, registry, layer bucket and instance metadata of one account in one region, on loopback and on disk, for
/// tests without an AWS account. `Quirk` lists the behaviour of ECR that it emulates, `ControlEndpoint` how tests control it.
///
/// It is written independently of the gateway, from what is known of ECR. Apart from percent-encoding it shares no parsing and no signing with
/// the gateway, so that a mistake in one shows in tests against the other.
package final class ECRSandbox: Sendable {
    /// Where it listens; also in `sandbox.json` of the directory.
    package let addresses: SandboxAddresses
    /// Where it stores repositories and its CA's certificate.
    package let directory: String
    private let removesDirectory: Bool
    private let host: SandboxHost
    private let listeners: [Listener]

    /// Starts a sandbox on a thread of its own, which runs until `stop()`. When this returns, it listens and `sandbox.json` is written.
    /// - Throws: when a setting is invalid, an address is in use or the directory cannot be written.
    package static func start(_ settings: SandboxSettings = SandboxSettings(), logger: Logger) throws -> ECRSandbox {
        if let problem = settings.problem { throw SandboxError("the sandbox's \(problem.property): \(problem.text)") }
        let directory = try settings.directory ?? Files.makeTemporaryDirectory()
        do {
            try Files.makeDirectory(directory)
            return try ECRSandbox(settings, directory: directory, logger: logger)
        } catch {
            if settings.directory == nil { Files.removeAll(directory) }
            throw error
        }
    }

    private init(_ settings: SandboxSettings, directory: String, logger: Logger) throws {
        self.directory = directory
        removesDirectory = settings.directory == nil
        let (account, region) = (settings.account, settings.region)
        let caller = Caller(arn: "arn:aws:iam::\(account):user/sandbox", userID: "AIDASANDBOX")
        var user = SigningKeys.make(sessionUntil: nil, caller: caller)
        user.accessKeyID = settings.accessKeyID ?? user.accessKeyID
        user.secret = settings.secretAccessKey ?? user.secret
        let tls = try Self.issueCertificate(settings, directory: directory)
        let host = try SandboxHost(settings, user: user, directory: directory, tls: tls, logger: logger)
        self.host = host
        var bound: [Service: Listener] = [:]
        for service in Service.allCases {
            // `settings.problem` has checked the address.
            guard let address = SocketAddress(host: settings.address, port: settings.ports[service]) else { continue }
            bound[service] = try Listener(on: address, number: service.number, host: host)
        }
        listeners = Array(bound.values)
        func address(_ service: Service) -> String { bound[service].map { "\($0.address)" } ?? "" }
        let aws = AWSHosts(account: account, region: region)
        let hosts: [(Service, [String])] = [
            (.api, [aws.api, aws.sts] + aws.fips + AWSHosts.publicAPIs),
            (.registry, [aws.registry] + AWSHosts.publicRegistries),
            (.s3, ["*.s3.\(region).amazonaws.com"]),
        ]
        addresses = SandboxAddresses(
            registryHost: aws.registry, registry: address(.registry), api: address(.api), s3Host: aws.bucket, s3: address(.s3),
            metadata: "http://\(address(.metadata))", control: "http://\(address(.control))",
            container: "http://\(address(.metadata))\(ContainerAgent.path)", containerToken: host.containerToken,
            caFile: "\(directory)/ca.pem",
            region: region, account: account, accessKeyID: user.accessKeyID, secretAccessKey: user.secret.reveal,
            connectTo: Dictionary(
                uniqueKeysWithValues: hosts.flatMap { service, hosts in hosts.map { ("\($0):443", address(service)) } }))
        // Ignores SIGPIPE, as OpenSSL writes without MSG_NOSIGNAL.
        prepareProcess()
        host.loop.start(named: "berth-sandbox")
        try Files.write(JSON.bytes(of: addresses) + [10], to: "\(directory)/sandbox.json")
        logger.info("sandbox ready", metadata: ["registry": "\(addresses.registry)", "control": "\(addresses.control)"])
    }

    private static func issueCertificate(_ settings: SandboxSettings, directory: String) throws -> TLSServer {
        let authority = try CertificateAuthority(name: "Berth sandbox \(Moment.basic(Clock().seconds))")
        let suffix = "\(settings.region).amazonaws.com"
        let aws = AWSHosts(account: settings.account, region: settings.region)
        let certificate = try authority.issue(
            for: [
                aws.registry, "*.dkr.ecr.\(suffix)", aws.api, aws.sts, "sts.us-east-1.amazonaws.com",
                "*.s3.\(suffix)", "localhost", "127.0.0.1", "::1",
            ] + aws.fips + AWSHosts.publicRegistries + AWSHosts.publicAPIs
                + (["127.0.0.1", "::1", "0.0.0.0", "::"].contains(settings.address) ? [] : [settings.address]))
        try authority.write(to: "\(directory)/ca.pem")
        let (chain, key) = ("\(directory)/server.pem", "\(directory)/server.key")
        try certificate.write(chain: chain, privateKey: key)
        return try TLSServer(certificateChain: chain, privateKey: key)
    }

    /// Closes all connections, ends the thread, and removes the directory if it was made for this sandbox.
    package func stop() async {
        for listener in listeners { listener.stop() }
        await host.closeConnections()
        host.loop.stop()
        if removesDirectory { Files.removeAll(directory) }
    }
}
