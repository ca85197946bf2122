package import FoundationEssentials
package import Logging
package import Transport

/// Makes the sources that a configuration or a profile asks for: what they all need is here.
package struct CredentialSources: Sendable {
    let loop: EventLoop
    let caller: HTTPClient
    let environment: [String: String]
    /// The configuration's choice; its endpoint settings apply too.
    let profile: String?
    /// Of the partition's own region.
    let sts: STSClient
    /// `host:port` to dial instead, by `connect_to`.
    let dial: @Sendable (HTTPClientURL) -> String?
    let log: Logger
    let now: @Sendable () -> Date

    package init(
        loop: EventLoop, caller: HTTPClient, environment: [String: String], profile: String? = nil, sts: STSClient,
        dial: @escaping @Sendable (HTTPClientURL) -> String? = { _ in nil }, log: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.loop, self.caller, self.environment, self.profile, self.sts) = (loop, caller, environment, profile, sts)
        (self.dial, self.log, self.now) = (dial, log, now)
    }

    /// An upstream's `credentials`: `source` in its words, `automatic` for the SDKs' own order. A profile chosen there goes before
    /// the environment, as with every SDK.
    package func source(_ source: String = "automatic", profile: String? = nil, role: AssumedRole? = nil) throws(CredentialError)
        -> any CredentialSource
    {
        let base = try unassumed(source, profile)
        return role.map { assuming($0, by: base) } ?? base
    }

    private func unassumed(_ source: String, _ profile: String?) throws(CredentialError) -> any CredentialSource {
        switch source {
        case "automatic" where profile != nil, "profile": ProfileCredentials(profile, makers: self)
        case "automatic": CredentialChain(automatic)
        case "environment": EnvironmentCredentials(environment: environment)
        case "web_identity": WebIdentityChoice(makers: self, profile: profile)
        case "container": ContainerCredentials(caller: caller, environment: environment)
        case "instance": InstanceMetadata(caller: caller, environment: environment)
        case "process": ProfileCredentials(profile, ways: .process, makers: self)
        default:
            throw CredentialError(
                source: source,
                message: "unknown; use automatic, environment, profile, web_identity, container, instance or process")
        }
    }

    /// botocore's order (ECR 4.1).
    private var automatic: [any CredentialSource] {
        [
            EnvironmentCredentials(environment: environment), ProfileCredentials(nil, ways: .role, makers: self),
            WebIdentityChoice(makers: self, profile: nil), ProfileCredentials(nil, ways: .others, makers: self),
            ContainerCredentials(caller: caller, environment: environment),
            InstanceMetadata(caller: caller, environment: environment),
        ]
    }

    func source(following plan: ProfilePlan) -> any CredentialSource {
        switch plan {
        case .keys(let credentials): FixedCredentials(credentials: credentials)
        case .role(let role, let base): assuming(role, by: source(following: base))
        case .machine(.Environment): EnvironmentCredentials(environment: environment)
        case .machine(.Ec2InstanceMetadata): InstanceMetadata(caller: caller, environment: environment)
        case .machine(.EcsContainer): ContainerCredentials(caller: caller, environment: environment)
        case .webIdentity(let role, let file): WebIdentityCredentials(role: role, tokenFile: file, sts: sts)
        case .singleSignOn(let grant): SingleSignOn(grant: grant, makers: self)
        case .process(let command, let place): CredentialProcess(command: command, place: place, now: now)
        }
    }

    private func assuming(_ role: AssumedRole, by source: any CredentialSource) -> any CredentialSource {
        RoleCredentials(role: role, identity: CredentialKeeper(loop: loop, source: source, log: log, now: now), sts: sts)
    }
}

/// Keys that stand in a file.
struct FixedCredentials: CredentialSource {
    let name = "profile"
    let credentials: Credentials
    func find() async throws(CredentialError) -> CredentialLookup { .found(credentials) }
}
