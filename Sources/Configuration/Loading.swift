import Crypto
import Foundation
import HTTP
import Registry

extension Settings {
    /// Looked for in this order when `--config` and `$BERTH_CONFIG` are not given.
    package static let usualFiles = ["berth.yaml", "/etc/berth/berth.yaml"]

    /// The configuration of a process: a file's, or with none the environment's alone (design section 5).
    /// - Parameter file: `--config`.
    package static func load(file: String?, environment: [String: String]) throws(ConfigurationProblems) -> Settings {
        try load(file: file, environment: environment, usual: usualFiles)
    }

    /// The configuration of a running process, read again from where it came: a file that is gone is an error, and one that has come since
    /// is none of its business. Its environment is as it was: a variable that the file no longer refers to is no problem.
    /// - Parameter origin: of the running one.
    package static func load(again origin: String, environment: [String: String]) throws(ConfigurationProblems) -> Settings {
        guard origin != Settings().origin else { return try EnvironmentReader(environment: environment).read() }
        return try load(file: origin, environment: environment, again: true, usual: [])
    }

    static func load(file: String?, environment: [String: String], again: Bool = false, usual: [String])
        throws(ConfigurationProblems) -> Settings
    {
        let named = file ?? EnvironmentVariable.config.value(in: environment)
        guard let path = named ?? usual.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            return try EnvironmentReader(environment: environment).read()
        }
        guard FileManager.default.fileExists(atPath: path) else {
            throw ConfigurationProblems(lines: ["\(path): there is no such file; name one, or leave it out and set BERTH_REGISTRY"])
        }
        guard let text = Files.text(path) else {
            throw ConfigurationProblems(lines: ["\(path): this cannot be read; name \(Files.bound)"])
        }
        return try SettingsReader(file: path, environment: environment, refusesUnknownVariables: !again).read(text)
    }

    /// - Parameter file: how problems name it.
    package static func parse(_ text: String, file: String, environment: [String: String]) throws(ConfigurationProblems) -> Settings
    {
        try SettingsReader(file: file, environment: environment).read(text)
    }
}

/// One registry and one user, out of `BERTH_*`. The user may pull, push and list everywhere, and delete nothing.
struct EnvironmentReader {
    let environment: [String: String]
    private let problems = ProblemList(file: "environment")

    init(environment: [String: String]) { self.environment = environment }

    private func value(_ variable: EnvironmentVariable) -> String? { variable.value(in: environment) }

    private func problem(_ variable: EnvironmentVariable, _ what: String) {
        problems.add(Place(file: "environment", line: 0, key: variable.rawValue), what)
    }

    func read() throws(ConfigurationProblems) -> Settings {
        var settings = Settings()
        settings.environment = environment
        let blobs = blobs() ?? .stream
        if let registry = registry() { settings.upstreams = [.init(name: "main", registry: registry, blobs: blobs)] }
        if let user = user() { settings.users = [user] }
        if let address = address(.listen) { settings.listeners[0].address = address }
        if let address = address(.adminListen) { settings.admin = address }
        if settings.admin == settings.listeners[0].address, settings.admin.port != 0 {
            problem(
                .adminListen, "'\(settings.admin)' is listened at already; set it or BERTH_LISTEN to another port")
        }
        settings.listeners[0].tls = tls()
        EnvironmentVariable.refuseUnknown(in: environment, problems: problems)
        try problems.check()
        return settings
    }

    private func registry() -> ECRHost? {
        guard let text = value(.registry) else {
            problem(
                .registry,
                "missing, and no configuration file was found; set it to \(ECRHost.allowed), or give --config FILE")
            return nil
        }
        if let registry = ECRHost(HostName.normalized(text)) { return registry }
        problem(.registry, "'\(text)' is not a registry of ECR; set it to \(ECRHost.allowed)")
        return nil
    }

    private func blobs() -> Settings.BlobMode? {
        guard let text = value(.blobs) else { return nil }
        if let mode = Settings.BlobMode(rawValue: text) { return mode }
        problem(.blobs, "'\(text)' is not known; use stream or redirect")
        return nil
    }

    private func user() -> Settings.User? {
        guard let name = value(.username) else {
            problem(.username, "missing; set it to what is typed at docker login")
            return nil
        }
        if !PasswordFile.isName(name) { problem(.username, "this is not a name; set it to \(PasswordFile.nameBounds)") }
        let given = [EnvironmentVariable.password, .passwordFile, .passwordHash].filter { value($0) != nil }
        guard let source = given.first, given.count == 1, let text = value(source) else {
            problem(
                .password,
                "set one of BERTH_PASSWORD, BERTH_PASSWORD_FILE and BERTH_PASSWORD_HASH\(given.isEmpty ? "" : ", not \(given.count)")"
            )
            return nil
        }
        let access = [Settings.AccessRule(repositories: ["**"], actions: [.pull, .push, .list])]
        switch source {
        case .password: return .init(name: name, password: .plain(Secret(text)), access: access)
        case .passwordHash:
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

    private func address(_ variable: EnvironmentVariable) -> Settings.Address? {
        guard let text = value(variable) else { return nil }
        if let address = Addresses.parse(text) { return address }
        problem(variable, "'\(text)' is not an IP address and a port; write one like \(Addresses.examples)")
        return nil
    }

    private func tls() -> Settings.TLSFiles? {
        switch (value(.tlsCertificate), value(.tlsPrivateKey)) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            let files = [(EnvironmentVariable.tlsCertificate, certificate), (.tlsPrivateKey, key)]
            let unreadable = files.filter { !Files.isReadable($0.1) }
            for (variable, path) in unreadable {
                problem(variable, "'\(path)' cannot be read; name a PEM file that Berth's user may read")
            }
            guard unreadable.isEmpty else { return nil }
            do throws(TLSError) { return try .init(certificate: certificate, privateKey: key) } catch {
                let part = Settings.TLSFiles.Part(error)
                let (variable, path) = part == .certificate ? files[0] : files[1]
                problem(variable, "'\(path)' \(part.problem(error))")
            }
        case (nil, _): problem(.tlsCertificate, "missing; BERTH_TLS_PRIVATE_KEY is set, and TLS needs both")
        case (_, nil): problem(.tlsPrivateKey, "missing; BERTH_TLS_CERTIFICATE is set, and TLS needs both")
        }
        return nil
    }
}
