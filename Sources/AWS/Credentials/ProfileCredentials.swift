import Crypto
import Synchronization

/// Whatever a profile of the shared files leads to: keys, roles upon roles, web identity, single sign-on, a process (ECR 4.2).
/// The files are read at each search, so that a changed one needs no restart.
struct ProfileCredentials: CredentialSource {
    let name = "profile"
    let ways: ProfilePlan.Ways
    private let profile: String
    /// The setting that names this profile, which must then exist; nil for the implicit `default`.
    private let chosenBy: String?
    private let makers: CredentialSources
    private let followed = Followed()

    /// The source that follows the plan that was read last: kept as long as the files say the same, with the sessions it holds.
    private final class Followed: Sendable {
        let last = Mutex<(plan: ProfilePlan, source: any CredentialSource)?>(nil)
    }

    /// `profile`: the configuration's choice; nil leaves it to `AWS_PROFILE`, `AWS_DEFAULT_PROFILE` and then `default`.
    init(_ profile: String?, ways: ProfilePlan.Ways = .all, makers: CredentialSources) {
        (self.ways, self.makers) = (ways, makers)
        let chosen = makers.environment.chosenProfile
        self.profile = profile ?? chosen?.name ?? "default"
        chosenBy = profile == nil ? chosen?.variable : "credentials.profile of the configuration"
    }

    func find() async throws(CredentialError) -> CredentialLookup {
        let files = try SharedFiles(environment: makers.environment)
        guard files.profile(profile) != nil else {
            let message = "no profile \(profile) in \(files.credentialsPath) or \(files.configPath)"
            if let chosenBy { throw CredentialError(source: name, message: "\(message): add it, or name another in \(chosenBy)") }
            return .absent(message)
        }
        guard let plan = try ProfileReader(files: files).plan(of: profile, ways: ways) else {
            let place = [files.credentials, files.config].compactMap { $0 }.filter { $0.profiles[profile] != nil }.map(\.path)
            let message =
                "profile \(profile) in \(place.joined(separator: " and ")) holds no \(ways == .role ? "role_arn" : "credentials")"
            return .absent(message)
        }
        return try await source(of: plan).find()
    }

    private func source(of plan: ProfilePlan) -> any CredentialSource {
        if let last = followed.last.withLock({ $0 }), last.plan == plan { return last.source }
        let source = makers.source(following: plan)
        followed.last.withLock { $0 = (plan, source) }
        return source
    }
}
