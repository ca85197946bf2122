import AWS
import Configuration
import Logging
import Transport

/// The calls to AWS that a configuration leads to. Shared by the gateway and by `berth check`, so that the one tells what the other does.
struct AWSClients {
    let caller: HTTPCaller
    private let loop: EventLoop
    private let settings: Settings
    private let log: Logger

    init(_ settings: Settings, loop: EventLoop, log: Logger) {
        (self.settings, self.loop, self.log) = (settings, loop, log)
        caller = HTTPCaller(
            loop: loop, trust: CallTrust(environment: settings.environment, caFile: settings.caFile),
            userAgent: "berth/\(Berth.version)")
    }

    func credentials(of upstream: Settings.Upstream) throws(CredentialError) -> CredentialKeeper {
        let chain = try CredentialChain(
            source: upstream.credentials?.source.rawValue ?? "automatic", profile: upstream.credentials?.profile,
            environment: settings.environment, caller: caller)
        return CredentialKeeper(loop: loop, source: chain, log: log)
    }

    func endpoint(of upstream: Settings.Upstream) throws(CredentialError) -> ServiceEndpoint {
        var endpoint = try ServiceEndpoint(
            service: "ECR", host: upstream.registry.apiHost, region: upstream.registry.region, environment: settings.environment)
        endpoint.dial = settings.connectTo["\(endpoint.url.host):\(endpoint.url.port)"]
        return endpoint
    }

    func ecr(of upstream: Settings.Upstream, credentials: CredentialKeeper) throws(CredentialError) -> ECRClient {
        ECRClient(caller: caller, endpoint: try endpoint(of: upstream), credentials: credentials)
    }

    /// Upstreams of one identity share a token (wire 2.1).
    func identity(of upstream: Settings.Upstream) throws(CredentialError) -> TokenKeepers.Identity {
        TokenKeepers.Identity(
            endpoint: try endpoint(of: upstream),
            credentials: [upstream.credentials?.source.rawValue, upstream.credentials?.profile])
    }
}
