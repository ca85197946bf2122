import Crypto

/// `users_file`: lines of htpasswd(1).
struct PasswordFile {
    let path: String
    let problems: ProblemList

    /// - Parameter taken: names that are users already.
    func users(in text: String, access: [Settings.AccessRule], taken: Set<String>) -> [Settings.User] {
        var users: [Settings.User] = []
        var taken = taken
        // A line end of CR and LF is one `Character`.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            let place = Place(file: path, line: index + 1, key: "")
            guard let colon = line.firstIndex(of: ":") else {
                problems.add(place, "this is not name:hash; htpasswd -B makes such lines")
                continue
            }
            let name = String(line[..<colon]), hash = String(line[line.index(after: colon)...])
            if !Self.isName(name) { problems.add(place, "this has no name; write \(Self.nameBounds)") }
            if !taken.insert(name).inserted { problems.add(place, "'\(name)' is a user already; names must differ") }
            if let problem = Self.problem(with: hash) { problems.add(place, problem) }
            users.append(Settings.User(name: name, password: .hash(Secret(hash)), access: access))
        }
        return users
    }

    static let nameBounds = "1 to 256 characters without a colon (RFC 7617)"

    static func isName(_ name: String) -> Bool { !name.isEmpty && name.utf8.count <= 256 && !name.contains(":") }

    /// crypt(5)'s formats that are slow enough to be worth having, whole: one that lost its end in a copy would let nobody in, and
    /// say nothing. The hash itself is never shown.
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
