import Crypto

/// `users_file`: lines of htpasswd(1).
struct PasswordFile {
    let path: String
    let problems: ProblemList

    func users(in text: String, access: [Settings.AccessRule]) -> [Settings.User] {
        var users: [Settings.User] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.hasSuffix("\r") ? line.dropLast() : line
            if line.isEmpty || line.hasPrefix("#") { continue }
            let place = Place(file: path, line: index + 1, key: "")
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else {
                problems.add(place, "this is not name:hash; htpasswd -B makes such lines")
                continue
            }
            let hash = String(line[line.index(after: colon)...])
            if let problem = Self.problem(with: hash) {
                problems.add(place, problem)
                continue
            }
            users.append(Settings.User(name: String(line[..<colon]), password: .hash(Secret(hash)), access: access))
        }
        return users
    }

    /// crypt(5)'s formats that are slow enough to be worth having. The hash itself is never shown.
    static func problem(with hash: String) -> String? {
        let known = ["$2a$", "$2b$", "$2y$", "$y$", "$6$", "$5$"]
        if known.contains(where: hash.hasPrefix), hash.utf8.count < 384 { return nil }
        return "this is not a bcrypt ($2b$), yescrypt ($y$), SHA-512 ($6$) or SHA-256 ($5$) hash; make one with berth hash-password"
    }
}
