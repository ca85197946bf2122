/// Both shared files. Where both have a setting of a profile, the credentials file takes precedence, as in botocore.
struct SharedFiles: Equatable {
    let credentialsPath: String, configPath: String
    let credentials: SharedFile?, config: SharedFile?

    init(environment: [String: String]) throws(CredentialError) {
        func path(_ variable: String, _ standard: String) -> String {
            let path = environment.nonEmpty(variable) ?? "~/.aws/\(standard)"
            guard path.hasPrefix("~/"), let home = environment.nonEmpty("HOME") else { return path }
            return home + path.dropFirst()
        }
        credentialsPath = path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        configPath = path("AWS_CONFIG_FILE", "config")
        credentials = try SharedFile(at: credentialsPath, kind: .credentials)
        config = try SharedFile(at: configPath, kind: .config)
    }

    init(config: SharedFile?, credentials: SharedFile?) {
        (self.config, self.credentials) = (config, credentials)
        (configPath, credentialsPath) = (config?.path ?? "", credentials?.path ?? "")
    }

    func profile(_ name: String) -> SharedFile.Section? {
        let found = [config?.profiles[name], credentials?.profiles[name]].compactMap { $0 }
        return found.isEmpty ? nil : found.reduce(into: [:]) { $0.merge($1) { $1 } }
    }

    /// The `endpoint_url` that a profile sets for a service (`ecr`, `sts`). Its `[services]` section takes precedence over its own, which is for
    /// all services.
    func endpoint(of service: String, profile: String) -> SharedFile.Setting? {
        let settings = self.profile(profile)
        let services = settings?["services"].flatMap { config?.services[$0.value] }
        return services?[service]?.nested["endpoint_url"] ?? settings?["endpoint_url"]
    }
}
