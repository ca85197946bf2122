import Crypto
package import Logging
import Transport

/// An ECR look-alike: control API, STS, registry, layer bucket and instance metadata of one account in one region, on loopback
/// and on disk, to test against without an AWS account. What it plays is in `Quirk`; how it is steered in `ControlEndpoint`.
///
/// It is written from what is known of ECR, apart from the gateway: it shares no parsing and no signing with it, so that a
/// mistake in one shows against the other.
package final class ECRSandbox: Sendable {
    /// How it is reached; also in `sandbox.json` of the directory.
    package let addresses: SandboxAddresses
    package let directory: String
    private let removesDirectory: Bool
    private let host: SandboxHost
    private let listeners: [Listener]

    /// Listens, and has written `sandbox.json` when it returns. Runs on a thread of its own until `stop()`.
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
            // It has been made sure that it is an address.
            guard let address = SocketAddress(host: settings.address, port: settings.ports[service]) else { continue }
            bound[service] = try Listener(on: address, number: service.number, host: host)
        }
        listeners = Array(bound.values)
        func address(_ service: Service) -> String { bound[service].map { "\($0.address)" } ?? "" }
        let names = Names(account: account, region: region)
        let hosts: [(Service, [String])] = [
            (.api, [names.api, names.sts] + names.fips + Names.publicAPIs), (.registry, [names.registry] + Names.publicRegistries),
            (.s3, ["*.s3.\(region).amazonaws.com"]),
        ]
        addresses = SandboxAddresses(
            registryHost: names.registry, registry: address(.registry), api: address(.api), s3Host: names.bucket, s3: address(.s3),
            metadata: "http://\(address(.metadata))", control: "http://\(address(.control))",
            container: "http://\(address(.metadata))\(ContainerAgent.path)", containerToken: host.containerToken,
            caFile: "\(directory)/ca.pem",
            region: region, account: account, accessKeyID: user.accessKeyID, secretAccessKey: user.secret.reveal,
            connectTo: Dictionary(
                uniqueKeysWithValues: hosts.flatMap { service, names in names.map { ("\($0):443", address(service)) } }))
        // OpenSSL writes without MSG_NOSIGNAL.
        EventLoop.prepareProcess()
        host.loop.start(named: "berth-sandbox")
        try Files.write(JSON.bytes(of: addresses) + [10], to: "\(directory)/sandbox.json")
        logger.info("sandbox ready", metadata: ["registry": "\(addresses.registry)", "control": "\(addresses.control)"])
    }

    private static func issueCertificate(_ settings: SandboxSettings, directory: String) throws -> TLSServer {
        let authority = try CertificateAuthority(name: "Berth sandbox \(Moment.basic(Clock().seconds))")
        let suffix = "\(settings.region).amazonaws.com"
        let names = Names(account: settings.account, region: settings.region)
        let certificate = try authority.issue(
            for: [
                names.registry, "*.dkr.ecr.\(suffix)", names.api, names.sts, "sts.us-east-1.amazonaws.com",
                "*.s3.\(suffix)", "localhost", "127.0.0.1", "::1",
            ] + names.fips + Names.publicRegistries + Names.publicAPIs
                + (["127.0.0.1", "::1", "0.0.0.0", "::"].contains(settings.address) ? [] : [settings.address]))
        try authority.write(to: "\(directory)/ca.pem")
        let (chain, key) = ("\(directory)/server.pem", "\(directory)/server.key")
        try certificate.write(chain: chain, privateKey: key)
        return try TLSServer(certificateChain: chain, privateKey: key)
    }

    /// Closes everything that is open, ends the thread, and removes the directory if it was made for this sandbox.
    package func stop() async {
        for listener in listeners { listener.stop() }
        await host.closeConnections()
        host.loop.stop()
        if removesDirectory { Files.removeAll(directory) }
    }
}

/// A setting that cannot be followed.
struct SandboxError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The names that AWS gives to what is played here (ECR 1.7).
struct Names {
    let account, region: String
    var registry: String { "\(account).dkr.ecr.\(region).amazonaws.com" }
    var api: String { "api.ecr.\(region).amazonaws.com" }
    /// ECR Public, which is in one region whatever the sandbox's is (ECR 2.2): by its classic names first, then the dual-stack ones.
    static let publicRegistries = ["public.ecr.aws", "ecr-public.aws.com"], publicRegion = "us-east-1"
    static let publicAPIs = ["api.ecr-public.us-east-1.amazonaws.com", "ecr-public.us-east-1.api.aws"]
    /// The API and STS, for who asks for FIPS.
    var fips: [String] { ["ecr-fips.\(region).amazonaws.com", "sts-fips.\(region).amazonaws.com"] }
    var sts: String { "sts.\(region).amazonaws.com" }
    var bucket: String { "prod-\(region)-starport-layer-bucket.s3.\(region).amazonaws.com" }
}
