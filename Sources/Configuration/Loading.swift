import Crypto
import Foundation
import HTTP
import Registry

extension Settings {
    /// Looked for in this order when `--config` and `$BERTH_CONFIG` are not given.
    public static let usualFiles = ["berth.yaml", "/etc/berth/berth.yaml"]

    /// The configuration of a process: a file's, or with none the environment's alone (design section 5).
    /// - Parameter file: `--config`.
    public static func load(file: String?, environment: [String: String]) throws(ConfigurationProblems) -> Settings {
        try load(file: file, environment: environment, usual: usualFiles)
    }

    static func load(file: String?, environment: [String: String], usual: [String]) throws(ConfigurationProblems) -> Settings {
        let named = file ?? environment["BERTH_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        guard let path = named ?? usual.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            return try EnvironmentReader(environment: environment).read()
        }
        guard FileManager.default.fileExists(atPath: path) else {
            throw ConfigurationProblems(lines: ["\(path): there is no such file; name one, or leave it out and set BERTH_REGISTRY"])
        }
        guard let text = Files.text(path) else {
            throw ConfigurationProblems(lines: ["\(path): this cannot be read; name \(Files.bound)"])
        }
        return try parse(text, file: path, environment: environment)
    }

    /// - Parameter file: how problems name it.
    public static func parse(_ text: String, file: String, environment: [String: String]) throws(ConfigurationProblems) -> Settings
    {
        try SettingsReader(file: file, environment: environment).read(text)
    }
}

/// One registry and one user, out of `BERTH_*`. The user may pull, push and list everywhere, and delete nothing.
struct EnvironmentReader {
    let environment: [String: String]
    private let problems = ProblemList(file: "environment")

    init(environment: [String: String]) { self.environment = environment }

    private func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    private func problem(_ name: String, _ what: String) { problems.add(Place(file: "environment", line: 0, key: name), what) }

    func read() throws(ConfigurationProblems) -> Settings {
        var settings = Settings()
        settings.environment = environment
        let blobs = blobs() ?? .stream
        if let registry = registry() { settings.upstreams = [.init(name: "main", registry: registry, blobs: blobs)] }
        if let user = user() { settings.users = [user] }
        if let address = address("BERTH_LISTEN") { settings.listeners[0].address = address }
        if let address = address("BERTH_ADMIN_LISTEN") { settings.admin = address }
        if settings.admin == settings.listeners[0].address, settings.admin.port != 0 {
            problem(
                "BERTH_ADMIN_LISTEN", "'\(settings.admin)' is listened at already; set it or BERTH_LISTEN to another port")
        }
        settings.listeners[0].tls = tls()
        try problems.check()
        return settings
    }

    private func registry() -> ECRHost? {
        guard let text = value("BERTH_REGISTRY") else {
            problem(
                "BERTH_REGISTRY",
                "missing, and no configuration file was found; set it to \(ECRHost.allowed), or give --config FILE")
            return nil
        }
        if let registry = ECRHost(HostName.normalized(text)) { return registry }
        problem("BERTH_REGISTRY", "'\(text)' is not a registry of ECR; set it to \(ECRHost.allowed)")
        return nil
    }

    private func blobs() -> Settings.BlobMode? {
        guard let text = value("BERTH_BLOBS") else { return nil }
        if let mode = Settings.BlobMode(rawValue: text) { return mode }
        problem("BERTH_BLOBS", "'\(text)' is not known; use stream or redirect")
        return nil
    }

    private func user() -> Settings.User? {
        guard let name = value("BERTH_USERNAME") else {
            problem("BERTH_USERNAME", "missing; set it to what is typed at docker login")
            return nil
        }
        if !PasswordFile.isName(name) { problem("BERTH_USERNAME", "this is not a name; set it to \(PasswordFile.nameBounds)") }
        let given = ["BERTH_PASSWORD", "BERTH_PASSWORD_FILE", "BERTH_PASSWORD_HASH"].filter { value($0) != nil }
        guard let source = given.first, given.count == 1, let text = value(source) else {
            problem(
                "BERTH_PASSWORD",
                "set one of BERTH_PASSWORD, BERTH_PASSWORD_FILE and BERTH_PASSWORD_HASH\(given.isEmpty ? "" : ", not \(given.count)")"
            )
            return nil
        }
        let access = [Settings.AccessRule(repositories: ["**"], actions: [.pull, .push, .list])]
        switch source {
        case "BERTH_PASSWORD": return .init(name: name, password: .plain(Secret(text)), access: access)
        case "BERTH_PASSWORD_HASH":
            if let what = PasswordFile.problem(with: text) { problem(source, what) }
            return .init(name: name, password: .hash(Secret(text)), access: access)
        default:
            guard let read = Files.password(text) else {
                // Not quoted: it may be the password itself.
                problem(source, "this file cannot be read or is empty; name \(Files.bound)")
                return nil
            }
            return .init(name: name, password: .plain(Secret(read)), access: access)
        }
    }

    private func address(_ name: String) -> Settings.Address? {
        guard let text = value(name) else { return nil }
        if let address = Addresses.parse(text) { return address }
        problem(name, "'\(text)' is not an IP address and a port; write one like \(Addresses.examples)")
        return nil
    }

    private func tls() -> Settings.TLSFiles? {
        switch (value("BERTH_TLS_CERTIFICATE"), value("BERTH_TLS_PRIVATE_KEY")) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            for (name, path) in [("BERTH_TLS_CERTIFICATE", certificate), ("BERTH_TLS_PRIVATE_KEY", key)]
            where !Files.isReadable(path) {
                problem(name, "'\(path)' cannot be read; name a PEM file that Berth's user may read")
            }
            return .init(certificate: certificate, privateKey: key)
        case (nil, _): problem("BERTH_TLS_CERTIFICATE", "missing; BERTH_TLS_PRIVATE_KEY is set, and TLS needs both")
        case (_, nil): problem("BERTH_TLS_PRIVATE_KEY", "missing; BERTH_TLS_CERTIFICATE is set, and TLS needs both")
        }
        return nil
    }
}
