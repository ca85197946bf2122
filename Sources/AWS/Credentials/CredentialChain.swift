import Transport

/// Sources in the order of the SDKs; the first that holds credentials wins (wire 4.1).
public struct CredentialChain: CredentialSource {
    public let name: String
    let sources: [any CredentialSource]

    public init(name: String = "automatic", _ sources: [any CredentialSource]) {
        self.name = name
        self.sources = sources
    }

    /// `source` and `profile` as an upstream's `credentials` say them; `automatic` without. A profile chosen there goes before the
    /// keys of the environment, as with every SDK.
    public init(source: String = "automatic", profile: String? = nil, environment: [String: String], caller: HTTPCaller)
        throws(CredentialError)
    {
        let fromEnvironment = EnvironmentCredentials(environment: environment)
        let fromProfile = ProfileCredentials(environment: environment, profile: profile)
        let fromInstance = InstanceMetadata(caller: caller, environment: environment)
        switch source {
        case "automatic": self.init(profile == nil ? [fromEnvironment, fromProfile, fromInstance] : [fromProfile])
        case fromEnvironment.name: self.init(name: source, [fromEnvironment])
        case fromProfile.name: self.init(name: source, [fromProfile])
        case fromInstance.name: self.init(name: source, [fromInstance])
        default:
            throw CredentialError(source: source, message: "not supported yet; use automatic, environment, profile or instance")
        }
    }

    public func find() async throws(CredentialError) -> CredentialLookup {
        var reasons: [String] = []
        for source in sources {
            switch try await source.find() {
            case .found(let credentials): return .found(credentials)
            case .absent(let reason): reasons.append(sources.count == 1 ? reason : "\(source.name): \(reason)")
            }
        }
        return .absent(reasons.joined(separator: "; "))
    }
}
