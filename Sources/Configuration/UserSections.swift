import Crypto
import Registry

/// `users`, `users_file` and `anonymous`.
extension SettingsReader {
    func users(_ settings: inout Settings, _ root: Section) {
        let common = root.sections("access_default").map { $0.map(rule) }
        let sections = root.sections("users")
        settings.users = (sections ?? []).compactMap { user($0, common: common) }
        distinct(sections ?? [], by: "name")
        if let text = root.fileText("users_file"), let path = root.text("users_file") {
            if !root.has("access_default") {
                root.problem(
                    "access_default",
                    "missing; users_file says nothing of what its users may do: write - {repositories: [\"**\"], actions: [pull]}")
            }
            let names = Set((sections ?? []).compactMap { $0.text("name") })
            settings.users += PasswordFile(path: path, problems: problems).users(in: text, access: common ?? [], taken: names)
        }
        if let anonymous = root.section("anonymous") {
            settings.anonymous = access(anonymous)
            anonymous.finish()
            let open = OpenAccess(rules: settings.anonymous ?? [], routes: settings.routes)
            settings.warnings += open.findings.map { index, sentence in
                ProblemList.line(anonymous.place(of: "access").item(index, line: nil), sentence)
            }
        }
        settings.tokenKey = tokenKey(root)
        if sections?.isEmpty ?? !root.has("users"), !root.has("users_file"), !root.has("anonymous") {
            root.problem("users", "nobody could log in; name users, a users_file, or what anonymous may do")
        }
    }

    private func user(_ section: Section, common: [Settings.AccessRule]?) -> Settings.User? {
        defer { section.finish() }
        let name = section.required("name", "what is typed at docker login")
        if let name, !PasswordFile.isName(name) {
            // Not quoted: with a colon it may be name and password.
            section.problem("name", "this is not a name; write \(PasswordFile.nameBounds)")
        }
        let password = password(section)
        let access = section.has("access") || common == nil ? access(section) : common ?? []
        guard let name, let password else { return nil }
        return Settings.User(name: name, password: password, access: access)
    }

    private func password(_ section: Section) -> Settings.PasswordSource? {
        switch (section.has("password_hash"), section.has("password_file")) {
        case (true, true): section.problem("password_file", "password_hash is there too; keep one of them")
        case (false, false):
            section.problem("password_hash", "missing; write what berth hash-password prints, or a password_file")
        default: break
        }
        let hash = section.string("password_hash")
        if let problem = hash.flatMap(PasswordFile.problem) { section.problem("password_hash", problem) }
        guard let path = section.string("password_file") else { return hash.map { .hash(Secret($0)) } }
        guard let password = Files.password(path) else {
            section.problem(
                "password_file", "\(section.written("password_file")) cannot be read or is empty; name \(Files.bound)")
            return nil
        }
        return .plain(Secret(password))
    }

    private func access(_ section: Section) -> [Settings.AccessRule] {
        if !section.has("access") {
            section.problem("access", "missing; say what may be done: - {repositories: [\"**\"], actions: [pull]}")
        }
        return (section.sections("access") ?? []).map(rule)
    }

    private func rule(_ section: Section) -> Settings.AccessRule {
        defer { section.finish() }
        let known = Action.allCases.map(\.rawValue).joined(separator: ", ")
        let repositories = patterns(section, "repositories")
        if !section.has("actions") { section.problem("actions", "missing; write a list of \(known)") }
        let actions = section.values("actions") {
            Action(rawValue: $0)
        } problem: { _ in
            "is not known; use \(known)"
        }
        if actions?.isEmpty == true { section.problem("actions", "this is empty; write a list of \(known)") }
        let host = host(section), namespace = namespace(section)
        return Settings.AccessRule(
            repositories: repositories, actions: Set(actions ?? []), host: host, namespace: namespace)
    }

    private func tokenKey(_ root: Section) -> Secret<[UInt8]>? {
        guard let text = root.fileText("token_key_file", isSecret: true) else { return nil }
        let key = Array(text.utf8).trimmed
        guard key.count >= Settings.tokenKeyBytesAtLeast else {
            root.problem(
                "token_key_file",
                "\(root.written("token_key_file")) holds \(key.count) bytes, and a key has \(Settings.tokenKeyBytesAtLeast) at least; make one with openssl rand -base64 48"
            )
            return nil
        }
        return Secret(key)
    }
}

extension [UInt8] {
    /// Without white space at either end.
    fileprivate var trimmed: [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
        return Array(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
