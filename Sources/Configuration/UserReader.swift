import Access
import Crypto
import Registry

/// Reads `users`, `users_file`, `access_default`, `anonymous` and `token_key_file`.
struct UserReader {
    let root: Section
    let problems: ProblemList

    /// Call it after `routes` have been read: warnings depend on them.
    func read(into settings: inout Settings) {
        let common = root.sections(
            "access_default", "what users of `users_file` may do; keys as in `users[].access[]`", isLikeAnother: true
        ).map { $0.map(rule) }
        let sections = root.sections("users")
        settings.users = (sections ?? []).compactMap { user($0, common: common) }
        SharedKeys.checkNamesDiffer(sections ?? [])
        if let text = root.fileText("users_file", "more users, as lines of htpasswd (`htpasswd -B`)"),
            let path = root.readText("users_file")
        {
            if !root.has("access_default") {
                root.problem(
                    "access_default",
                    "missing; with users_file it says what the file's users may do: write - {repositories: [\"**\"], actions: [pull]}"
                )
            }
            let names = Set((sections ?? []).compactMap { $0.readText("name") })
            settings.users += UsersFile(path: path, problems: problems).users(in: text, access: common ?? [], taken: names)
        }
        if let anonymous = root.section("anonymous") {
            settings.anonymous = access(
                anonymous,
                "access without a login; keys as in `users[].access[]`. Clients are then directed to a token service at `/token`, whose tokens live for 5 minutes. Behind a load balancer that terminates TLS, name it in `trusted_proxies` or set a `public_url`",
                isLikeAnother: true)
            anonymous.finish()
            let open = OpenAccess(rules: settings.anonymous ?? [], routes: RouteTable(settings.routes))
            settings.warnings += open.findings.map { index, sentence in
                ProblemList.line(anonymous.location(of: "access").item(index, line: nil), sentence)
            }
        }
        settings.tokenKey = SharedKeys.secret(
            root, "token_key_file", "a key", min: Settings.minTokenKeyBytes,
            "the key that signs the tokens of `/token`: at least \(Settings.minTokenKeyBytes) bytes of text (`openssl rand -base64 48`), the same for all replicas",
            standard: "random at start")
        if sections?.isEmpty ?? !root.has("users"), !root.has("users_file"), !root.has("anonymous") {
            root.problem("users", "nobody can log in; set users, users_file or anonymous.access")
        }
    }

    private func user(_ section: Section, common: [AccessRule]?) -> Settings.User? {
        defer { section.finish() }
        let name = section.required(
            "name", "the user name for docker login",
            "the name to log in with; 1 to 256 bytes without a colon and control characters")
        if let name, !UsersFile.isName(name) {
            // Not quoted: with a colon it may be a name and a password.
            section.problem("name", "this is not a name; write \(UsersFile.nameBounds)")
        }
        let credential = credential(section)
        let access = section.has("access") || common == nil ? access(section, "what the user may do") : common ?? []
        guard let name, let credential else { return nil }
        return Settings.User(name: name, credential: credential, access: access)
    }

    private func credential(_ section: Section) -> Credential? {
        switch (section.has("password_hash"), section.has("password_file")) {
        case (true, true): section.problem("password_file", "password_hash is set too; keep one of them")
        case (false, false):
            section.problem("password_hash", "missing; write what berth hash-password prints, or a password_file")
        default: break
        }
        let
            text = section.string(
                "password_hash", "what `berth hash-password` prints: bcrypt, yescrypt, SHA-512 or SHA-256 crypt"),
            hash = text.flatMap(PasswordHash.init)
        if text != nil, hash == nil { section.problem("password_hash", UsersFile.invalidHash) }
        guard let path = section.string("password_file", "a file that contains the password itself; instead of `password_hash`")
        else { return hash.map { .hash($0) } }
        problems.files.add(path)
        guard let password = Files.password(path) else {
            section.problem(
                "password_file", "\(section.quoted("password_file")) cannot be read or is empty; name \(Files.allowed)")
            return nil
        }
        return .plain(Secret(Array(password.utf8)))
    }

    private func access(_ section: Section, _ meaning: String, isLikeAnother: Bool = false) -> [AccessRule] {
        if !section.has("access") {
            section.problem("access", "missing; write what is allowed: - {repositories: [\"**\"], actions: [pull]}")
        }
        return (section.sections("access", meaning, isLikeAnother: isLikeAnother) ?? []).map(rule)
    }

    private func rule(_ section: Section) -> AccessRule {
        defer { section.finish() }
        let known = Action.allCases.map(\.rawValue).joined(separator: ", ")
        let repositories = SharedKeys.patterns(
            section, "repositories",
            "patterns of the names that clients use: `*` matches within a segment, `**` across segments")
        if !section.has("actions") { section.problem("actions", "missing; write a list of \(known)") }
        let actions = section.values(
            "actions", "a list of \(Action.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "))", standard: "required",
            parse: Action.init
        ) { _ in "is not known; use \(known)" }
        if actions?.isEmpty == true { section.problem("actions", "this is empty; write a list of \(known)") }
        return AccessRule(
            repositories: repositories, actions: Set(actions ?? []),
            host: SharedKeys.host(section, "only where the client addresses this host"),
            namespace: SharedKeys.namespace(section, "only for this `ns` of containerd"))
    }
}
