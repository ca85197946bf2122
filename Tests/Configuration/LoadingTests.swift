import Access
import FoundationEssentials
import Registry
import Testing

@testable import Configuration

/// Which file is read, and what is read from the environment alone.
struct LoadingTests {
    static let alone = ["BERTH_REGISTRY": registry, "BERTH_USERNAME": "rancher", "BERTH_PASSWORD": "hunter2"]

    @Test func `the option names the file, else the variable, else a default path; else the environment is read`() throws {
        let folder = try Folder(
            ["named", "variable", "near", "far"].enumerated().reduce(into: [:]) { files, name in
                files[name.element] = sound + "workers: \(name.offset + 1)"
            })
        func workers(_ file: String?, _ variable: String?, _ paths: [String]) throws -> Int? {
            var environment = Self.alone
            environment["BERTH_CONFIG"] = variable
            return try SettingsFile.read(file: file, environment: environment, defaultPaths: paths).workers
        }
        let named = folder["named"], variable = folder["variable"], near = folder["near"], far = folder["far"]
        #expect(try workers(named, variable, [near, far]) == 1)
        #expect(try workers(nil, variable, [near, far]) == 2)
        #expect(try workers(nil, nil, [near, far]) == 3)
        #expect(try workers(nil, "", [folder["absent"], far]) == 4)
        #expect(try workers(nil, nil, [folder["absent"]]) == nil)
        #expect(SettingsFile.defaultPaths == ["berth.yaml", "/etc/berth/berth.yaml"])
    }

    @Test func `a reload reads from where the start read, although another file has appeared or gone`() throws {
        let folder = try Folder([:])
        let gone = folder["gone.yaml"]
        #expect(throws: ConfigurationProblems.self) { try SettingsFile.reload(from: gone, environment: Self.alone) }
        let started = try SettingsFile.read(file: nil, environment: Self.alone, defaultPaths: [gone])
        #expect(started.origin == "environment")
        try sound.write(toFile: gone, atomically: true, encoding: .utf8)
        #expect(try SettingsFile.reload(from: started.origin, environment: Self.alone).origin == "environment")
    }

    @Test func `a named file that does not exist is a problem, although the environment would be enough`() throws {
        let error = #expect(throws: ConfigurationProblems.self) {
            try SettingsFile.load(file: "/nonexistent.yaml", environment: Self.alone)
        }
        #expect(
            error?.lines == [
                "/nonexistent.yaml: no such file; correct the path"
            ])
    }

    @Test func `the environment alone is enough`() throws {
        let settings = try EnvironmentReader(environment: Self.alone).read()
        #expect(settings.upstreams.map(\.name) == ["main"] && settings.upstreams[0].registry.host == registry)
        #expect(settings.upstreams[0].blobs == .stream && settings.listeners[0].tls == nil)
        #expect("\(settings.listeners[0].address) \(settings.admin)" == "0.0.0.0:5000 127.0.0.1:5001")
        #expect(settings.users.map(\.name) == ["rancher"] && settings.users.map(\.credential) == [plain("hunter2")])
        #expect(settings.users[0].access == [AccessRule(repositories: [.everything], actions: [.pull, .push, .list])])
        #expect(settings.anonymous == nil && settings.environment == Self.alone)
    }

    @Test func `every variable is read`() throws {
        let folder = try Folder(["password": "hunter3\n"], certificate: "tls")
        let settings = try EnvironmentReader(environment: [
            "BERTH_REGISTRY": registry, "BERTH_USERNAME": "ci", "BERTH_PASSWORD_FILE": folder["password"],
            "BERTH_LISTEN": "127.0.0.1:6000", "BERTH_ADMIN_LISTEN": ":6001", "BERTH_TLS_CERTIFICATE": folder["tls.crt"],
            "BERTH_TLS_PRIVATE_KEY": folder["tls.key"], "BERTH_BLOBS": "redirect", "BERTH_PASSWORD": "",
        ]).read()
        #expect(settings.users.map(\.credential) == [plain("hunter3")] && settings.upstreams[0].blobs == .redirect)
        #expect("\(settings.listeners[0].address) \(settings.admin)" == "127.0.0.1:6000 0.0.0.0:6001")
        #expect(try settings.listeners[0].tls == .init(certificate: folder["tls.crt"], privateKey: folder["tls.key"]))
    }

    @Test func `a hash is read from its variable`() throws {
        var environment = Self.alone
        environment["BERTH_PASSWORD"] = nil
        environment["BERTH_PASSWORD_HASH"] = Hashes.bcrypt
        #expect(try EnvironmentReader(environment: environment).read().users.map(\.credential) == [hashed(Hashes.bcrypt)])
    }

    @Test func `a line end at the end of a variable is removed`() throws {
        let ended = ["BERTH_REGISTRY": "\(registry)\r\n", "BERTH_USERNAME": "ci\n", "BERTH_PASSWORD": "hunter 2 \n"]
        let settings = try EnvironmentReader(environment: ended).read()
        #expect(settings.users.map(\.credential) == [plain("hunter 2 ")] && settings.users[0].name == "ci")
        var withHash = ended
        withHash["BERTH_PASSWORD"] = "\n"
        withHash["BERTH_PASSWORD_HASH"] = Hashes.bcrypt + "\n"
        #expect(try EnvironmentReader(environment: withHash).read().users.map(\.credential) == [hashed(Hashes.bcrypt)])
        let text = """
            upstreams: [{name: main, registry: "\(registry)"}]
            users: [{name: ci, password_hash: "${HASH}", access: [{repositories: ["**"], actions: [pull]}]}]
            """
        let file = try SettingsFile.parse(text, file: "berth.yaml", environment: ["HASH": Hashes.bcrypt + "\r\n"])
        #expect(file.users.map(\.credential) == [hashed(Hashes.bcrypt)])
    }

    static let wrong: [([String: String], [String])] = [
        (
            ["BERTH_REGISTRY": "", "BERTH_USERNAME": "", "BERTH_BLOBS": "no"],
            [
                "BERTH_BLOBS: 'no' is not known; use stream or redirect",
                "BERTH_REGISTRY: missing, and no configuration file was found; "
                    + "set it to an ECR host such as \(registry), or public.ecr.aws, or give --config FILE",
                "BERTH_USERNAME: missing; set it to the user name for docker login",
            ]
        ),
        (
            ["BERTH_REGISTRY": "", "BERTH_USERNAME": "", "BERTH_PASSWORD": ""],
            [
                "BERTH_REGISTRY: missing, and no configuration file was found; "
                    + "set it to an ECR host such as \(registry), or public.ecr.aws, or give --config FILE",
                "BERTH_USERNAME: missing; set it to the user name for docker login",
                "BERTH_PASSWORD: set one of BERTH_PASSWORD, BERTH_PASSWORD_FILE and BERTH_PASSWORD_HASH",
            ]
        ),
        (
            ["BERTH_REGISTRY": "public.ecr.example"],
            [
                "BERTH_REGISTRY: 'public.ecr.example' is not a registry of ECR; set it to an ECR host such as \(registry), or public.ecr.aws"
            ]
        ),
        (
            ["BERTH_USERNAME": "a:hunter2"],
            ["BERTH_USERNAME: this is not a name; set it to 1 to 256 characters without a colon and control characters (RFC 7617)"]
        ),
        (["BERTH_PASSWORD": ""], ["BERTH_PASSWORD: set one of BERTH_PASSWORD, BERTH_PASSWORD_FILE and BERTH_PASSWORD_HASH"]),
        (
            ["BERTH_PASSWORD_FILE": "/x"],
            ["BERTH_PASSWORD: set one of BERTH_PASSWORD, BERTH_PASSWORD_FILE and BERTH_PASSWORD_HASH, not 2"]
        ),
        (
            ["BERTH_PASSWORD": "", "BERTH_PASSWORD_FILE": "hunter2"],
            [
                "BERTH_PASSWORD_FILE: this file cannot be read or is empty; "
                    + "name a file of text, of at most 4MiB, that Berth's user may read"
            ]
        ),
        (["BERTH_PASSWORD": "", "BERTH_PASSWORD_HASH": "hunter2"], ["BERTH_PASSWORD_HASH: \(UserProblemTests.invalidHash)"]),
        (
            ["BERTH_LISTEN": "5000", "BERTH_ADMIN_LISTEN": "x"],
            [
                "BERTH_LISTEN: '5000' is not an IP address and a port; write one like \(ListenAddress.examples)",
                "BERTH_ADMIN_LISTEN: 'x' is not an IP address and a port; write one like \(ListenAddress.examples)",
            ]
        ),
        (
            ["BERTH_LISTEN": "127.0.0.1:5001"],
            ["BERTH_ADMIN_LISTEN: '127.0.0.1:5001' is used by BERTH_LISTEN; set one of them to another port"]
        ),
        (
            ["BERTH_TLS_PRIVATE_KEY": #filePath],
            ["BERTH_TLS_CERTIFICATE: missing; BERTH_TLS_PRIVATE_KEY is set, and TLS needs both"]
        ),
        (
            ["BERTH_TLS_CERTIFICATE": #filePath],
            ["BERTH_TLS_PRIVATE_KEY: missing; BERTH_TLS_CERTIFICATE is set, and TLS needs both"]
        ),
        (
            ["BERTH_TLS_CERTIFICATE": "/nonexistent", "BERTH_TLS_PRIVATE_KEY": "/"],
            [
                "BERTH_TLS_CERTIFICATE: '/nonexistent' cannot be read; name a PEM file that Berth's user may read",
                "BERTH_TLS_PRIVATE_KEY: '/' cannot be read; name a PEM file that Berth's user may read",
            ]
        ),
    ]

    @Test(arguments: wrong)
    func `a problem names its variable`(_ changes: [String: String], _ lines: [String]) {
        let found = problems(environment: Self.alone.merging(changes) { $1 })
        #expect(found == lines.map { "environment: " + $0 })
        #expect(!found.joined().contains("hunter2"))
    }
}
