import Registry
import AWS
import Configuration
import Logging
import Transport

/// The calls to AWS that a configuration leads to. Shared by the gateway and by `berth check`, so that the one tells what the other does.
struct AWSClients {
    let caller: HTTPClient
    /// Trusts what the data plane trusts: the system's store and `ca_file`, whatever `AWS_CA_BUNDLE` says to the calls.
    let dataPlaneCaller: HTTPClient
    private let loop: EventLoop
    private let settings: Settings
    private let log: Logger

    init(_ settings: Settings, loop: EventLoop, log: Logger) {
        (self.settings, self.loop, self.log) = (settings, loop, log)
        caller = HTTPClient(
            loop: loop, trust: HTTPClientTrust(environment: settings.environment, caFile: settings.caFile),
            userAgent: "berth/\(Berth.version)")
        dataPlaneCaller = HTTPClient(
            loop: loop, trust: HTTPClientTrust(files: [settings.caFile].compactMap { $0 }), userAgent: "berth/\(Berth.version)")
        if let problem = EndpointSettings(environment: settings.environment).problem {
            // The profile may ask for FIPS, so this is not silent.
            log.warning(
                "shared AWS files not read, the profile's endpoint settings are not used", metadata: ["error": "\(problem)"])
        }
    }

    func credentials(of upstream: Settings.Upstream) throws(CredentialError) -> CredentialKeeper {
        let sources = CredentialSources(
            loop: loop, caller: caller, environment: settings.environment, profile: upstream.credentials?.profile,
            sts: try sts(of: upstream), dial: dial, log: log)
        let source = try sources.source(
            upstream.credentials?.source.rawValue ?? "automatic", profile: upstream.credentials?.profile,
            role: upstream.credentials?.assumeRole?.role)
        return CredentialKeeper(loop: loop, source: source, log: log)
    }

    /// Of the registry's own region: what regional endpoints give is good in all of the partition's.
    func sts(of upstream: Settings.Upstream) throws(CredentialError) -> STSClient {
        STSClient(
            caller: caller, endpoint: try endpoint("STS", of: upstream) { upstream.registry.stsHost(fips: $0, dualStack: $1) })
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

    var connectTo: ConnectTo { ConnectTo(settings.connectTo) }
    var names: NameCheck { NameCheck(loop: loop) }

    var dial: @Sendable (HTTPClientURL) -> String? {
        { [connectTo] url in
            connectTo.target(of: url.host, UInt16(clamping: url.port)).map { "\($0.0):\($0.1)" }
        }
    }

    /// How the upstream's authorization token is fetched.
    func tokens(of upstream: Settings.Upstream, credentials: CredentialKeeper) throws(CredentialError)
        -> @Sendable () async throws(AWSError) -> FetchedToken
    {
        guard upstream.registry.isPublic else {
            let client = try ecr(of: upstream, credentials: credentials)
            return { () async throws(AWSError) in try await client.authorizationToken() }
        }
        let registry = HTTPClientURL(scheme: .https, host: upstream.registry.host)
        let client = ECRPublicClient(
            caller: caller, endpoint: try endpoint(of: upstream), registry: registry.host, dial: dial(registry),
            credentials: credentials, mayBeAnonymous: mayBeAnonymous(upstream))
        return { () async throws(AWSError) in try await client.authorizationToken() }
    }

    /// ECR Public serves everybody, only slower; who named credentials means them.
    func mayBeAnonymous(_ upstream: Settings.Upstream) -> Bool {
        let named = upstream.credentials
        return upstream.registry.isPublic && named?.source ?? .automatic == .automatic && named?.profile == nil
            && named?.assumeRole == nil
    }

    func ecr(of upstream: Settings.Upstream, credentials: CredentialKeeper) throws(CredentialError) -> ECRClient {
        ECRClient(caller: caller, endpoint: try endpoint(of: upstream), credentials: credentials)
    }

    /// Upstreams of one identity share a token (ECR 2.1).
    func identity(of upstream: Settings.Upstream) throws(CredentialError) -> TokenKeepers.Identity {
        let credentials = upstream.credentials
        return TokenKeepers.Identity(
            endpoint: try endpoint(of: upstream), publicRegistry: upstream.registry.isPublic ? upstream.registry.host : nil,
            source: credentials?.source.rawValue ?? "automatic",
            profile: credentials?.profile,
            role: credentials?.assumeRole?.role)
    }
}

extension Settings.AssumeRole {
    var role: AssumedRole {
        AssumedRole(arn: arn, sessionName: sessionName, externalID: externalID, seconds: Int(duration.components.seconds))
    }
}
