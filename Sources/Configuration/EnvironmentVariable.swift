/// The variables that Berth reads. All but `config` count only when there is no configuration file.
enum EnvironmentVariable: String, CaseIterable {
    case config = "BERTH_CONFIG"
    case registry = "BERTH_REGISTRY"
    case username = "BERTH_USERNAME"
    case password = "BERTH_PASSWORD"
    case passwordFile = "BERTH_PASSWORD_FILE"
    case passwordHash = "BERTH_PASSWORD_HASH"
    case listen = "BERTH_LISTEN"
    case adminListen = "BERTH_ADMIN_LISTEN"
    case tlsCertificate = "BERTH_TLS_CERTIFICATE"
    case tlsPrivateKey = "BERTH_TLS_PRIVATE_KEY"
    case blobs = "BERTH_BLOBS"

    /// The key of the file that an address's variable stands for; nil: messages about the others come from where they are read.
    var key: String? {
        switch self {
        case .listen: "listeners[0].address"
        case .adminListen: "admin.address"
        default: nil
        }
    }

    /// A variable with this prefix that is unknown is a mistake.
    private static let prefix = "BERTH_"

    /// nil: not set, or empty: compose files and Kubernetes manifests cannot unset a variable.
    func value(in environment: [String: String]) -> String? { Self.value(of: rawValue, in: environment) }

    private static func value(of name: String, in environment: [String: String]) -> String? {
        (environment[name]?.withoutLineEnd).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Adds a problem for each variable with Berth's prefix that neither Berth nor the file knows.
    /// - Parameter references: the variables that the file refers to.
    static func reportUnknown(in environment: [String: String], references: Set<String> = [], to problems: ProblemList) {
        let links = serviceLinks(in: environment)
        for name in environment.keys.sorted() where name.hasPrefix(prefix) && value(of: name, in: environment) != nil {
            guard EnvironmentVariable(rawValue: name) == nil, !references.contains(name), !links.contains(where: name.hasPrefix)
            else { continue }
            problems.add(
                KeyLocation(file: "environment", line: 0, key: name),
                "unknown variable; unset it or correct its name: \(suggestion(for: name, among: allCases.map(\.rawValue)))")
        }
    }

    /// Prefixes of the variables that Kubernetes sets in each pod for a Service whose name starts with `berth`:
    /// `BERTH_SERVICE_HOST`, `BERTH_SERVICE_PORT_REGISTRY`, `BERTH_PORT_443_TCP_ADDR`.
    private static func serviceLinks(in environment: [String: String]) -> [String] {
        let suffix = "_SERVICE_HOST"
        return environment.keys.filter { $0.hasSuffix(suffix) }.map { $0.dropLast(suffix.count) }.flatMap { name in
            ["\(name)_SERVICE_", "\(name)_PORT"]
        }
    }

    /// Names the variables that are set but have no effect, since there is a file; nil: there are none.
    /// - Parameters:
    ///   - file: the path.
    ///   - references: the variables that the file refers to.
    static func warningOfUnused(in environment: [String: String], file: String, references: Set<String>) -> String? {
        let unused = allCases.filter { variable in
            guard let value = variable.value(in: environment), !references.contains(variable.rawValue) else { return false }
            return variable != .config || value != file
        }
        guard !unused.isEmpty else { return nil }
        let names = unused.map(\.rawValue).joined(separator: ", ")
        let them = unused.count == 1 ? "it" : "them"
        return "\(names): no effect, since the configuration is read from \(file); unset \(them), or write ${NAME} in the file"
    }
}
