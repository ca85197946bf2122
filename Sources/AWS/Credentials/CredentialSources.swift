package import Configuration
package import FoundationEssentials
package import Logging
package import Transport

/// Makes the credential sources that the configuration or a profile names, and has what they all need.
package struct CredentialSources: Sendable {
    let loop: EventLoop
    let httpClient: HTTPClient
    let environment: [String: String]
    /// The configuration's profile, whose endpoint settings apply too; nil leaves it to the environment.
    let profile: String?
    /// In the upstream's region.
    let sts: STSClient
    /// `host:port` to connect to instead (`connect_to`); nil: the URL's own.
    let dial: @Sendable (HTTPClientURL) -> String?
    let log: Logger
    let now: @Sendable () -> Date

    /// - Parameters:
    ///   - profile: the configuration's; nil leaves it to the environment.
    ///   - dial: `host:port` to connect to instead of a URL's own; nil: its own.
    ///   - now: this machine's clock.
    package init(
        loop: EventLoop, httpClient: HTTPClient, environment: [String: String], profile: String? = nil, sts: STSClient,
        dial: @escaping @Sendable (HTTPClientURL) -> String? = { _ in nil }, log: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.loop, self.httpClient, self.environment, self.profile, self.sts) = (loop, httpClient, environment, profile, sts)
        (self.dial, self.log, self.now) = (dial, log, now)
    }

    /// The source for an upstream's `credentials`.
    /// - Parameters:
    ///   - profile: takes precedence over the environment, as in every SDK.
    ///   - role: assumed with the source's credentials; nil: none.
    package func source(
        _ source: Settings.Credentials.Source = .automatic, profile: String? = nil, role: AssumedRole? = nil
    ) -> any CredentialSource {
        let base = unassumed(source, profile)
        return role.map { assuming($0, by: base) } ?? base
    }

    private func unassumed(_ source: Settings.Credentials.Source, _ profile: String?) -> any CredentialSource {
        switch source {
        case .automatic where profile != nil, .profile: ProfileCredentials(profile, sources: self)
        case .automatic: CredentialChain(automatic)
        case .environment: EnvironmentCredentials(environment: environment)
        case .webIdentity: ConfiguredWebIdentity(sources: self, profile: profile)
        case .container: ContainerCredentials(httpClient: httpClient, environment: environment)
        case .instance: InstanceMetadata(httpClient: httpClient, environment: environment)
        case .process: ProfileCredentials(profile, methods: .process, sources: self)
        }
    }

    /// botocore's order (ECR 4.1).
    private var automatic: [any CredentialSource] {
        [
            EnvironmentCredentials(environment: environment), ProfileCredentials(nil, methods: .role, sources: self),
            ConfiguredWebIdentity(sources: self, profile: nil), ProfileCredentials(nil, methods: .others, sources: self),
            ContainerCredentials(httpClient: httpClient, environment: environment),
            InstanceMetadata(httpClient: httpClient, environment: environment),
        ]
    }

    func source(following plan: ProfilePlan) -> any CredentialSource {
        switch plan {
        case .keys(let credentials): StaticCredentials(credentials: credentials)
        case .role(let role, let base): assuming(role, by: source(following: base))
        case .machine(.Environment): EnvironmentCredentials(environment: environment)
        case .machine(.Ec2InstanceMetadata): InstanceMetadata(httpClient: httpClient, environment: environment)
        case .machine(.EcsContainer): ContainerCredentials(httpClient: httpClient, environment: environment)
        case .webIdentity(let role, let file): WebIdentityCredentials(role: role, tokenFile: file, sts: sts)
        case .singleSignOn(let grant): SingleSignOn(grant: grant, sources: self)
        case .process(let command, let place): CredentialProcess(command: command, place: place, now: now)
        }
    }

    private func assuming(_ role: AssumedRole, by source: any CredentialSource) -> any CredentialSource {
        RoleCredentials(role: role, identity: CredentialKeeper(loop: loop, source: source, log: log, now: now), sts: sts)
    }
}
