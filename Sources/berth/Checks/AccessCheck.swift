import Access
import Configuration
import Gateway
import Registry

/// Which rule decides whether a user may do something: the gateway's own decision, for `check --as`.
struct AccessCheck {
    let settings: Settings
    let plan: GatewayPlan
    let place: Place

    /// What was decided and why.
    struct Finding: Encodable {
        let user: String, action: String, repository: String
        let allowed: Bool
        /// The key of the rule that allows it, or of the nearest one; nil: the user has no rules.
        var rule: String?
        /// Where that rule is written.
        var file: String?, line: Int?
        /// What the rule says.
        var says: String?
        /// What the rule lacks: `repository`, `action`, `host`, `namespace`.
        var misses: [String] = []
        /// Where such a request goes; nil: nowhere.
        var upstream: String?, upstreamRepository: String?

        enum CodingKeys: String, CodingKey {
            case user, action, repository, allowed, rule, file, line, says, misses, upstream
            case upstreamRepository = "upstream_repository"
        }
    }

    /// nil: there is no such user.
    func find(_ user: String, _ action: Action, _ repository: Repository) -> Finding? {
        let users = plan.snapshot.users
        let isAnonymous = users.principal(named: user) == nil && user == users.anonymous?.name
        guard let principal = users.principal(named: user) ?? (isAnonymous ? users.anonymous : nil) else { return nil }
        let decision = principal.decision(anyOf: ActionSet(action), on: repository, at: place)
        let index: Int?, misses: [AccessDecision.Mismatch]
        switch decision {
        case .allowed(let rule): (index, misses) = (rule, [])
        case .denied(let nearest, let missed): (index, misses) = (nearest, missed)
        }
        var finding = Finding(
            user: user, action: action.rawValue, repository: repository.description,
            allowed: principal.may(anyOf: ActionSet(action), on: repository, at: place))
        finding.misses = misses.map(\.rawValue)
        if let index {
            let rules = isAnonymous ? settings.anonymous : settings.users.first { $0.name == user }?.access
            finding.says = rules.flatMap { $0.indices.contains(index) ? Self.text(of: $0[index]) : nil }
            let key = key(of: user, isAnonymous: isAnonymous) + "[\(index)]"
            finding.rule = key
            finding.file = settings.origin
            finding.line = settings.line(of: key)
        }
        if let destination = plan.snapshot.destination(of: repository, at: place) {
            finding.upstream = destination.upstream.name
            finding.upstreamRepository = destination.repository.description
        }
        return finding
    }

    /// The list in which the user's rules are: their own, or the one that users without share.
    private func key(of user: String, isAnonymous: Bool) -> String {
        guard !isAnonymous else { return "anonymous.access" }
        guard let index = settings.users.firstIndex(where: { $0.name == user }),
            settings.hasKey("users[\(index)].access")
        else { return "access_default" }
        return "users[\(index)].access"
    }

    /// `pull, push in team-a/**, base/* at hub.example.com for docker.io`
    private static func text(of rule: AccessRule) -> String {
        let actions = Action.allCases.filter(rule.actions.contains).map(\.rawValue).joined(separator: ", ")
        return (actions.isEmpty ? "nothing" : actions) + " in " + rule.repositories.map(\.description).joined(separator: ", ")
            + (rule.host.map { " at \($0)" } ?? "") + (rule.namespace.map { " for \($0)" } ?? "")
    }
}

extension AccessCheck.Finding {
    /// As `check` prints it.
    var sentence: String { "\(user) may \(allowed ? "" : "not ")\(action) in \(repository)" }

    var notes: [String] {
        let place = file.map { file in (line.map { "\(file):\($0): " } ?? "\(file): ") } ?? ""
        var notes: [String] = []
        if let rule, let says {
            notes.append("\(place)\(rule): \(says)")
        } else {
            notes.append("the user has no rules; add one to access")
        }
        notes += misses.compactMap(AccessDecision.Mismatch.init).map {
            "this rule, the nearest, does not cover \(Self.phrase(of: $0, self))"
        }
        if let upstream, let upstreamRepository {
            notes.append("such requests go to upstream \(upstream), where the repository is \(upstreamRepository)")
        } else {
            notes.append("no route has this repository: the gateway responds with 404, whoever asks")
        }
        return notes
    }

    private static func phrase(of mismatch: AccessDecision.Mismatch, _ finding: AccessCheck.Finding) -> String {
        switch mismatch {
        case .repository: "the repository \(finding.repository)"
        case .action: "the action \(finding.action)"
        case .host: "this host; --host names the one that the client addresses"
        case .namespace: "this namespace; --namespace names the registry that the client means"
        }
    }
}
