import Access
import Crypto
import HTTP
import Registry
import Transport

/// Reads a configuration from `BERTH_*` variables alone: one registry, and one user who may pull, push and list everywhere but not delete.
struct EnvironmentReader {
    let environment: [String: String]
    private let problems = ProblemList(file: "environment")

    init(environment: [String: String]) { self.environment = environment }

    private func value(_ variable: EnvironmentVariable) -> String? { variable.value(in: environment) }

    private func problem(_ variable: EnvironmentVariable, _ problem: String) {
        problems.add(KeyLocation(file: "environment", line: 0, key: variable.rawValue), problem)
    }

    func read() throws(ConfigurationProblems) -> Settings {
        var settings = Settings()
        settings.environment = environment
        let blobs = blobs() ?? .stream
        if let registry = registry() { settings.upstreams = [.init(name: "main", registry: registry, blobs: blobs)] }
        if let user = user() { settings.users = [user] }
        if let address = address(.listen) { settings.listeners[0].address = address }
        if let address = address(.adminListen) { settings.admin = address }
        if settings.admin.overlaps(settings.listeners[0].address) {
            problem(.adminListen, "'\(settings.admin)' is used by BERTH_LISTEN; set one of them to another port")
        }
        settings.listeners[0].tls = tls()
        EnvironmentVariable.reportUnknown(in: environment, to: problems)
        try problems.check()
        settings.files = problems.files.all
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
        let name = value(.username)
        if let name {
            if !UsersFile.isName(name) { problem(.username, "this is not a name; set it to \(UsersFile.nameBounds)") }
        } else {
            problem(.username, "missing; set it to the user name for docker login")
        }
        // Read also without a name, so that all that is missing is reported at once.
        let credential = credential()
        guard let name, let credential else { return nil }
        let rule = AccessRule(repositories: [.everything], actions: [.pull, .push, .list])
        return Settings.User(name: name, credential: credential, access: [rule])
    }

    private func credential() -> Credential? {
        let given = [EnvironmentVariable.password, .passwordFile, .passwordHash].filter { value($0) != nil }
        guard let source = given.first, given.count == 1, let text = value(source) else {
            let count = given.isEmpty ? "" : ", not \(given.count)"
            problem(.password, "set one of BERTH_PASSWORD, BERTH_PASSWORD_FILE and BERTH_PASSWORD_HASH\(count)")
            return nil
        }
        switch source {
        case .password: return .plain(Secret(Array(text.utf8)))
        case .passwordHash:
            if let hash = PasswordHash(text) { return .hash(hash) }
            problem(source, UsersFile.invalidHash)
        default:
            problems.files.add(text)
            if let read = Files.password(text) { return .plain(Secret(Array(read.utf8))) }
            // Not quoted: it may be the password itself.
            problem(source, "this file cannot be read or is empty; name \(Files.allowed)")
        }
        return nil
    }

    private func address(_ variable: EnvironmentVariable) -> SocketAddress? {
        guard let text = value(variable) else { return nil }
        if let address = ListenAddress.parse(text) { return address }
        problem(variable, "'\(text)' is not an IP address and a port; write one like \(ListenAddress.examples)")
        return nil
    }

    private func tls() -> TLSFiles? {
        switch (value(.tlsCertificate), value(.tlsPrivateKey)) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            let files = [(EnvironmentVariable.tlsCertificate, certificate), (.tlsPrivateKey, key)]
            let unreadable = files.filter { !Files.isReadable($0.1) }
            for (variable, path) in unreadable {
                problem(variable, "'\(path)' cannot be read; name a PEM file that Berth's user may read")
            }
            guard unreadable.isEmpty else { return nil }
            for (_, path) in files { problems.files.add(path) }
            do throws(TLSError) { return try TLSFiles(certificate: certificate, privateKey: key) } catch {
                let part = TLSFiles.Part(error)
                let (variable, path) = part == .certificate ? files[0] : files[1]
                problem(variable, "'\(path)' \(part.problem(error))")
            }
        case (nil, _): problem(.tlsCertificate, "missing; BERTH_TLS_PRIVATE_KEY is set, and TLS needs both")
        case (_, nil): problem(.tlsPrivateKey, "missing; BERTH_TLS_CERTIFICATE is set, and TLS needs both")
        }
        return nil
    }
}
