import Crypto

/// `users_file`: lines of htpasswd(1).
struct PasswordFile {
    let path: String
    let problems: ProblemList

    func users(in text: String, access: [Settings.AccessRule]) -> [Settings.User] {
        var users: [Settings.User] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
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

    /// crypt(5)'s formats that are slow enough to be worth having, whole. The hash itself is never shown.
    static func problem(with hash: String) -> String? {
        let isKnown =
            hash.wholeMatch(of: #/\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[.\/A-Za-z0-9]{53}/#) != nil
            || hash.wholeMatch(of: #/\$y\$[.\/A-Za-z0-9]{1,32}\$[.\/A-Za-z0-9]{1,86}\$[.\/A-Za-z0-9]{43}/#) != nil
            || hash.wholeMatch(of: #/\$6\$(rounds=[1-9][0-9]{3,8}\$)?[^$:\n]{1,16}\$[.\/A-Za-z0-9]{86}/#) != nil
            || hash.wholeMatch(of: #/\$5\$(rounds=[1-9][0-9]{3,8}\$)?[^$:\n]{1,16}\$[.\/A-Za-z0-9]{43}/#) != nil
        if isKnown { return nil }
        return
            "this is not a whole bcrypt ($2b$), yescrypt ($y$), SHA-512 ($6$) or SHA-256 ($5$) hash; make one with berth hash-password"
    }
}
