import AWS
import Configuration
import Logging
import Registry
import Transport

/// The AWS clients of a configuration. The gateway and `berth check` share them, so that `check` does what the gateway does.
struct AWSClients {
    let httpClient: HTTPClient
    /// Trusts what the data plane trusts: the system's store and `ca_file`, but not `AWS_CA_BUNDLE`.
    let dataPlaneClient: HTTPClient
    private let loop: EventLoop
    private let settings: Settings
    private let log: Logger

    init(_ settings: Settings, loop: EventLoop, log: Logger) {
        (self.settings, self.loop, self.log) = (settings, loop, log)
        httpClient = HTTPClient(
            loop: loop,
            trust: HTTPClientTrust(environment: settings.environment, certificates: settings.caFile?.certificates ?? []),
            userAgent: "berth/\(ProgramVersion.text)")
        dataPlaneClient = HTTPClient(
            loop: loop, trust: HTTPClientTrust(certificates: settings.caFile?.certificates ?? []),
            userAgent: "berth/\(ProgramVersion.text)")
        if let problem = EndpointSettings(environment: settings.environment).problem {
            // The profile may require FIPS endpoints, so this is logged.
            log.warning(
                "shared AWS files not read, the profile's endpoint settings are not used", metadata: ["error": "\(problem)"])
        }
    }

    func credentials(of upstream: Settings.Upstream) throws(CredentialError) -> CredentialKeeper {
        let sources = CredentialSources(
            loop: loop, httpClient: httpClient, environment: settings.environment, profile: upstream.credentials?.profile,
            sts: try sts(of: upstream), dial: dial, log: log)
        let source = sources.source(
            upstream.credentials?.source ?? .automatic, profile: upstream.credentials?.profile,
            role: upstream.credentials?.assumeRole)
        return CredentialKeeper(loop: loop, source: source, log: log)
    }

    /// STS in the registry's region: credentials of a regional endpoint are valid in the whole partition.
    func sts(of upstream: Settings.Upstream) throws(CredentialError) -> STSClient {
        STSClient(
            httpClient: httpClient,
            endpoint: try endpoint("STS", of: upstream) { upstream.registry.stsHost(fips: $0, dualStack: $1) })
    }

    func endpoint(of upstream: Settings.Upstream) throws(CredentialError) -> ServiceEndpoint {
        try endpoint(upstream.registry.isPublic ? "ECR_PUBLIC" : "ECR", of: upstream) {
            upstream.registry.apiHost(fips: $0, dualStack: $1)
        }
    }

    private func endpoint(_ service: String, of upstream: Settings.Upstream, host: (Bool, Bool) -> String) throws(CredentialError)
        -> ServiceEndpoint
    {
        let given = EndpointSettings(environment: settings.environment, profile: upstream.credentials?.profile)
        var endpoint = try given.endpoint(of: service, region: upstream.registry.region, host: host)
        endpoint.dial = dial(endpoint.url)
        return endpoint
    }

    var connectTo: ConnectTo { settings.connectTo }
    var names: NameCheck { NameCheck(loop: loop) }

    var dial: @Sendable (HTTPClientURL) -> String? {
        { [connectTo] url in
            connectTo.target(of: url.host, UInt16(clamping: url.port))?.description
        }
    }

    /// A function that fetches the upstream's authorization token.
    /// - Parameter throttled: called for each response that limits the rate of calls.
    func tokens(
        of upstream: Settings.Upstream, credentials: CredentialKeeper, throttled: @escaping @Sendable () -> Void = {}
    ) throws(CredentialError) -> @Sendable () async throws(AWSError) -> FetchedToken {
        guard upstream.registry.isPublic else {
            let client = try ecr(of: upstream, credentials: credentials, throttled: throttled)
            return { () async throws(AWSError) in try await client.authorizationToken() }
        }
        let registry = HTTPClientURL(scheme: .https, host: upstream.registry.host)
        let client = ECRPublicClient(
            httpClient: httpClient, endpoint: try endpoint(of: upstream), registry: registry.host, dial: dial(registry),
            credentials: credentials, mayBeAnonymous: mayBeAnonymous(upstream), throttled: throttled)
        return { () async throws(AWSError) in try await client.authorizationToken() }
    }

    /// ECR Public also serves anonymous clients, at a lower rate. Credentials that are configured must be found, however.
    func mayBeAnonymous(_ upstream: Settings.Upstream) -> Bool {
        let named = upstream.credentials
        return upstream.registry.isPublic && named?.source ?? .automatic == .automatic && named?.profile == nil
            && named?.assumeRole == nil
    }

    /// - Parameter throttled: called for each response that limits the rate of calls.
    func ecr(
        of upstream: Settings.Upstream, credentials: CredentialKeeper, throttled: @escaping @Sendable () -> Void = {}
    ) throws(CredentialError) -> ECRClient {
        ECRClient(
            httpClient: httpClient, endpoint: try endpoint(of: upstream), credentials: credentials, throttled: throttled)
    }

    /// Upstreams of one identity share a token (ECR 2.1).
    func identity(of upstream: Settings.Upstream) throws(CredentialError) -> TokenKeepers.Identity {
        let credentials = upstream.credentials
        return TokenKeepers.Identity(
            endpoint: try endpoint(of: upstream), publicRegistry: upstream.registry.isPublic ? upstream.registry.host : nil,
            source: credentials?.source ?? .automatic, profile: credentials?.profile, role: credentials?.assumeRole)
    }
}
