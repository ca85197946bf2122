import Crypto
import Testing

@testable import Configuration

struct UserProblemTests {
    static let upstream = "upstreams: [{name: main, registry: \(registry)}]\n"
    static let access = "access: [{repositories: [\"**\"], actions: [pull]}]"
    static let invalidHash =
        "this is not a complete bcrypt ($2b$), yescrypt ($y$), SHA-512 ($6$) or SHA-256 ($5$) hash; make one with berth hash-password"

    static let users: [(String, [String])] = [
        ("{}", ["name: missing; write the user name for docker login"] + missing),
        (
            "{name: \"a:b\", password_hash: \"\(Hashes.bcrypt)\", \(access)}",
            ["name: this is not a name; write 1 to 256 characters without a colon and control characters (RFC 7617)"]
        ),
        ("{name: a, \(access)}", ["password_hash: missing; write what berth hash-password prints, or a password_file"]),
        ("{name: a, password_hash: , \(access)}", ["password_hash: there is no value; write one, or remove the key"]),
        (
            "{name: a, password_hash: \"\(Hashes.bcrypt)\", password_file: \(#filePath), \(access)}",
            ["password_file: password_hash is set too; keep one of them"]
        ),
        (
            "{name: a, password_file: /nonexistent, \(access)}",
            [
                "password_file: '/nonexistent' cannot be read or is empty; name a file of text, of at most 4MiB, that Berth's user may read"
            ]
        ),
        (
            "{name: a, password_hash: \"\(Hashes.bcrypt)\"}",
            ["access: missing; write what is allowed: - {repositories: [\"**\"], actions: [pull]}"]
        ),
        (
            "{name: a, password_hash: \"\(Hashes.bcrypt)\", access: [{repositories: [\"Team/*\"], actions: []}]}",
            [
                "access[0].repositories[0]: 'Team/*' has characters that no repository name has; "
                    + "names are lower-case letters, digits, . _ - and /",
                "access[0].actions: this is empty; write a list of pull, push, delete, list",
            ]
        ),
        (
            "{name: a, password_hash: \"\(Hashes.bcrypt)\", access: [{repositories: [\"a//b\", \"***\"], actions: [pull]}]}",
            [
                "access[0].repositories[0]: 'a//b' has an empty segment, which no repository name has; write one / between two segments",
                "access[0].repositories[1]: '***' has more than two stars in a row; write * within a segment or ** across segments",
            ]
        ),
        (
            "{name: a, password_hash: \"\(Hashes.bcrypt)\", access: [{repositories: [a], actions: [pull, pish]}, {}]}",
            [
                "access[0].actions[1]: 'pish' is not known; use pull, push, delete, list",
                "access[1].repositories: missing; write a list of names, * within a segment, ** across: [\"team-a/**\"]",
                "access[1].actions: missing; write a list of pull, push, delete, list",
            ]
        ),
        (
            "{name: a, password_hash: \"\(Hashes.bcrypt)\", access: [{repositories: [a], actions: [pull], host: \"h:1\", namespace: \"a b\"}]}",
            [
                "access[0].host: 'h:1' is not a host; write one like registry.example.com, without a port",
                "access[0].namespace: 'a b' is not a registry's host; write one like docker.io",
            ]
        ),
    ]
    static let missing = [
        "password_hash: missing; write what berth hash-password prints, or a password_file",
        "access: missing; write what is allowed: - {repositories: [\"**\"], actions: [pull]}",
    ]

    /// The problem of a user's hash, without its location.
    static func problem(ofHash hash: String) -> String? {
        let lines = problems(upstream + "users: [{name: a, password_hash: \"\(hash)\", \(access)}]")
        return lines.first.map { String($0.trimmingPrefix("berth.yaml:2: users[0].password_hash: ")) }
    }

    @Test(arguments: users)
    func `a problem of a user has its key and what is allowed`(_ text: String, _ lines: [String]) {
        #expect(problems(Self.upstream + "users: [\(text)]") == lines.map { "berth.yaml:2: users[0]." + $0 })
    }

    @Test func `two users with one name are a problem`() {
        let user = "{name: a, password_hash: \"\(Hashes.bcrypt)\", \(Self.access)}"
        #expect(
            problems(Self.upstream + "users: [\(user), \(user)]") == [
                "berth.yaml:2: users[1].name: 'a' is used twice; names must differ"
            ])
    }

    @Test(arguments: [
        ("[\"**\"]", "", true), ("[a, \"**\"]", "", true), ("[\"*\"]", "", true), ("[\"*/**\"]", "", true),
        ("[\"a/**\"]", "", false),
        ("[\"**\"]", ", host: hub.example.com", false), ("[\"**\"]", ", namespace: docker.io", false),
    ])
    func `rights of the anonymous user in every repository give a warning`(_ patterns: String, _ place: String, _ warns: Bool)
        throws
    {
        let text =
            Self.upstream + "anonymous:\n  access:\n    - {repositories: [a], actions: [pull]}\n"
            + "    - {repositories: \(patterns), actions: [pull, list]\(place)}"
        let settings = try SettingsFile.parse(text, file: "berth.yaml", environment: [:])
        #expect(settings.warnings.count == (warns ? 1 : 0))
        if let warning = settings.warnings.first {
            #expect(
                warning.hasPrefix(
                    "berth.yaml:3: anonymous.access[1]: without credentials anybody may list, pull in every repository, at every address"
                ))
        }
    }

    @Test(arguments: [
        (String(repeating: "k", count: 32), 32), (" \r\n" + String(repeating: "k", count: 40) + "\n\n", 40),
        (String(repeating: "k", count: 31) + "\n", nil), ("", nil),
    ])
    func `a token key has at least 32 bytes without white space around them, and is not shown`(_ text: String, _ count: Int?) throws
    {
        let folder = try Folder(["key": text])
        let file = sound + "token_key_file: \(folder["key"])"
        guard let count else {
            let bytes = text.utf8.filter { $0 == UInt8(ascii: "k") }.count
            return #expect(
                problems(file) == [
                    "berth.yaml:3: token_key_file: '\(folder["key"])' holds \(bytes) bytes; a key has at least 32: "
                        + "make one with openssl rand -base64 48"
                ])
        }
        let settings = try SettingsFile.parse(file, file: "berth.yaml", environment: [:])
        #expect(settings.tokenKey?.reveal.count == count && !"\(settings)".contains("kkkk"))
        #expect(problems(sound + "token_key_file: /nonexistent").count == 1)
    }

    @Test(arguments: ["", "users: []"])
    func `a configuration in which nobody could log in is a problem`(_ users: String) {
        #expect(
            problems(Self.upstream + users).map {
                $0.hasSuffix("nobody can log in; set users, users_file or anonymous.access")
            } == [true])
    }

    @Test(arguments: [Hashes.bcrypt, Hashes.yescrypt, Hashes.sha512, Hashes.sha256])
    func `a complete hash of each format is accepted, and one with other characters or lengths is a problem`(_ hash: String) {
        #expect(Self.problem(ofHash: hash) == nil)
        #expect(Self.problem(ofHash: String(hash.dropLast())) == Self.invalidHash)
        #expect(Self.problem(ofHash: hash + "a") == Self.invalidHash)
        #expect(Self.problem(ofHash: String(hash.dropLast()) + " ") == Self.invalidHash)
        #expect(Self.problem(ofHash: String(hash.dropFirst())) == Self.invalidHash)
    }

    @Test(arguments: [
        "", "hunter2", "$1$salt$abcdefghijklmnopqrstuv", "$apr1$salt$x", "$2b$99$" + String(repeating: "a", count: 53), "{SHA}x",
        "$6$" + String(repeating: "a", count: 400),
    ])
    func `a weak or unknown hash is a problem`(_ hash: String) {
        #expect(Self.problem(ofHash: hash) == Self.invalidHash)
    }

    @Test(arguments: ["\n", "\r\n"])
    func `a users file is read by lines, and its problems have its own places`(_ end: String) throws {
        let folder = try Folder([
            "htpasswd": [
                "# who", "a:\(Hashes.bcrypt)", "", "hunter2", "b:hunter2", ":\(Hashes.bcrypt)", "a:\(Hashes.bcrypt)",
                "c:\(Hashes.sha512)",
            ]
            .joined(separator: end)
        ])
        let path = folder["htpasswd"]
        let file = Self.upstream + "users_file: \(path)\nusers: [{name: c, password_hash: x, \(Self.access)}]"
        #expect(
            problems(file) == [
                "berth.yaml:1: access_default: missing; with users_file it says what the file's users may do: "
                    + "write - {repositories: [\"**\"], actions: [pull]}",
                "berth.yaml:3: users[0].password_hash: \(Self.invalidHash)",
                "\(path):4: this is not name:hash; htpasswd -B makes such lines",
                "\(path):5: \(Self.invalidHash)",
                "\(path):6: this has no name; write 1 to 256 characters without a colon and control characters (RFC 7617)",
                "\(path):7: 'a' is already a user; names must differ",
                "\(path):8: 'c' is already a user; names must differ",
            ])
    }
}
