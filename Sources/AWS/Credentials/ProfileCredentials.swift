import Crypto
import Synchronization

/// Credentials that a profile of the shared files sets up: keys, chained roles, web identity, single sign-on, a process (ECR 4.2). Reads the
/// files at each search, so that changes need no restart.
struct ProfileCredentials: CredentialSource {
    let name = "profile"
    let methods: ProfilePlan.Methods
    private let profile: String
    /// The setting that names this profile, which must then exist; nil for the implicit `default`.
    private let chosenBy: String?
    private let sources: CredentialSources
    private let cached = CachedSource()

    /// The source made for the last plan. It is kept while the files yield the same plan, with the sessions that it has.
    private final class CachedSource: Sendable {
        let last = Mutex<(plan: ProfilePlan, source: any CredentialSource)?>(nil)
    }

    /// - Parameter profile: the configuration's; nil leaves it to `AWS_PROFILE`, `AWS_DEFAULT_PROFILE` and then `default`.
    init(_ profile: String?, methods: ProfilePlan.Methods = .all, sources: CredentialSources) {
        (self.methods, self.sources) = (methods, sources)
        let chosen = sources.environment.chosenProfile
        self.profile = profile ?? chosen?.name ?? "default"
        chosenBy = profile == nil ? chosen?.variable : "credentials.profile of the configuration"
    }

    func find() async throws(CredentialError) -> CredentialLookup {
        let files = try SharedFiles(environment: sources.environment)
        guard files.profile(profile) != nil else {
            let message = "no profile \(profile) in \(files.credentialsPath) or \(files.configPath)"
            if let chosenBy { throw CredentialError(source: name, message: "\(message): add it, or name another in \(chosenBy)") }
            return .absent(message)
        }
        guard let plan = try ProfileReader(files: files).plan(of: profile, methods: methods) else {
            let place = [files.credentials, files.config].compactMap { $0 }.filter { $0.profiles[profile] != nil }.map(\.path)
            let message =
                "profile \(profile) in \(place.joined(separator: " and ")) has no \(methods == .role ? "role_arn" : "credentials")"
            return .absent(message)
        }
        return try await source(of: plan).find()
    }

    private func source(of plan: ProfilePlan) -> any CredentialSource {
        if let last = cached.last.withLock({ $0 }), last.plan == plan { return last.source }
        let source = sources.source(following: plan)
        cached.last.withLock { $0 = (plan, source) }
        return source
    }
}
