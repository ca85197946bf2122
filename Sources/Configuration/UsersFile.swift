import Access

/// Reads `users_file`: lines of htpasswd(1).
struct UsersFile {
    let path: String
    let problems: ProblemList

    static let nameBounds = "1 to 256 characters without a colon and control characters (RFC 7617)"

    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= UserDirectory.maxNameBytes && !name.contains(":")
            && !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// Does not quote the hash, which is a secret.
    static let invalidHash =
        "this is not a complete bcrypt ($2b$), yescrypt ($y$), SHA-512 ($6$) or SHA-256 ($5$) hash; make one with berth hash-password"

    /// - Parameters:
    ///   - access: what each of these users may do.
    ///   - taken: the names in `users`.
    func users(in text: String, access: [AccessRule], taken: Set<String>) -> [Settings.User] {
        var users: [Settings.User] = []
        var taken = taken
        // CR and LF together are one `Character`.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            let location = KeyLocation(file: path, line: index + 1, key: "")
            guard let colon = line.firstIndex(of: ":") else {
                problems.add(location, "this is not name:hash; htpasswd -B makes such lines")
                continue
            }
            let name = String(line[..<colon]), hash = String(line[line.index(after: colon)...])
            if !Self.isName(name) { problems.add(location, "this has no name; write \(Self.nameBounds)") }
            if !taken.insert(name).inserted { problems.add(location, "'\(name)' is already a user; names must differ") }
            guard let hash = PasswordHash(hash) else {
                problems.add(location, Self.invalidHash)
                continue
            }
            users.append(Settings.User(name: name, credential: .hash(hash), access: access))
        }
        return users
    }
}
