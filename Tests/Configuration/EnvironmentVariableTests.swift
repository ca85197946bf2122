import Testing

@testable import Configuration

/// `BERTH_*` variables that have no effect, or that are unknown.
struct EnvironmentVariableTests {
    /// A configuration without warnings.
    static let quiet = sound.replacing("\"**\"", with: "base/**")
    static let alone = LoadingTests.alone
    static let known = EnvironmentVariable.allCases.map(\.rawValue).sorted().joined(separator: ", ")

    @Test func `with a file, a warning names each variable that is set, and the file`() throws {
        let folder = try Folder(["berth.yaml": Self.quiet])
        let file = folder["berth.yaml"]
        var environment = Dictionary(uniqueKeysWithValues: EnvironmentVariable.allCases.map { ($0.rawValue, "x") })
        environment["BERTH_BLOBS"] = ""
        let settings = try SettingsFile.load(file: file, environment: environment)
        let named = EnvironmentVariable.allCases.map(\.rawValue).filter { $0 != "BERTH_BLOBS" }.joined(separator: ", ")
        #expect(settings.origin == file)
        #expect(
            settings.warnings == [
                "\(named): no effect, since the configuration is read from \(file); unset them, or write ${NAME} in the file"
            ])
    }

    @Test func `a variable that the file refers to, or that names the file, has an effect`() throws {
        let folder = try Folder(["berth.yaml": Self.quiet + "log: {level: \"${BERTH_LISTEN}${BERTH_OWN}\"}\n"])
        let environment = ["BERTH_CONFIG": folder["berth.yaml"], "BERTH_LISTEN": "in", "BERTH_OWN": "fo"]
        let settings = try SettingsFile.load(file: nil, environment: environment)
        #expect(settings.origin == folder["berth.yaml"] && settings.warnings.isEmpty)
    }

    @Test func `without a file there is no warning`() throws {
        let settings = try EnvironmentReader(environment: Self.alone).read()
        #expect(settings.origin == "environment" && settings.warnings.isEmpty)
    }

    static let unknown = [
        ("BERTH_REGISTRI", "did you mean 'BERTH_REGISTRY'?"), ("BERTH_PASSWORDFILE", "did you mean 'BERTH_PASSWORD_FILE'?"),
        ("BERTH_THE_WHOLE_LOT", "known here: \(known)"),
    ]

    @Test(arguments: unknown)
    func `an unknown variable is a problem, with a file and without one`(name: String, hint: String) throws {
        let line = "environment: \(name): unknown variable; unset it or correct its name: \(hint)"
        #expect(problems(environment: Self.alone.merging([name: "hunter2"]) { $1 }) == [line])
        #expect(problems(sound, environment: [name: "hunter2"]) == [line])
        #expect(problems(sound + "worker: 2\n", environment: [name: "hunter2"]).count == 2)
        #expect(problems(sound, environment: [name: ""]).isEmpty)
    }

    @Test func `variables without Berth's prefix are ignored`() {
        #expect(
            problems(sound, environment: ["BERTH": "/usr/bin/berth", "BERTHA_X": "1", "berth_registry": "x", "MY_BERTH_X": "1"])
                .isEmpty)
    }

    @Test func `variables that Kubernetes sets for a Service named berth are no problem`() {
        let links = [
            "BERTH_SERVICE_HOST": "10.0.0.1", "BERTH_SERVICE_PORT": "443", "BERTH_SERVICE_PORT_REGISTRY": "443",
            "BERTH_PORT": "tcp://10.0.0.1:443", "BERTH_PORT_443_TCP": "tcp://10.0.0.1:443", "BERTH_PORT_443_TCP_PROTO": "tcp",
            "BERTH_PORT_443_TCP_PORT": "443", "BERTH_PORT_443_TCP_ADDR": "10.0.0.1",
            "BERTH_ADMIN_SERVICE_HOST": "10.0.0.2", "BERTH_ADMIN_SERVICE_PORT": "80", "BERTH_ADMIN_PORT": "tcp://10.0.0.2:80",
        ]
        #expect(problems(environment: Self.alone.merging(links) { $1 }).isEmpty)
        #expect(problems(sound, environment: links).isEmpty)
        // Without the Service it is unknown.
        #expect(problems(sound, environment: ["BERTH_PORT": "5000"]).count == 1)
    }

    @Test func `a reload accepts a variable that the file no longer refers to`() throws {
        let folder = try Folder(["berth.yaml": Self.quiet])
        let environment = ["BERTH_OWN": "no longer in the file"]
        #expect(throws: ConfigurationProblems.self) { try SettingsFile.load(file: folder["berth.yaml"], environment: environment) }
        #expect(throws: Never.self) { try SettingsFile.reload(from: folder["berth.yaml"], environment: environment) }
    }
}
