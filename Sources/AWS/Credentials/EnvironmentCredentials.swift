import Crypto
import FoundationEssentials

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_CREDENTIAL_EXPIRATION` (ECR 4.2).
package struct EnvironmentCredentials: CredentialSource {
    package let name = "environment"
    private let environment: [String: String]

    package init(environment: [String: String]) { self.environment = environment }

    package func find() async throws(CredentialError) -> CredentialLookup {
        let key = environment.nonEmpty("AWS_ACCESS_KEY_ID"), secret = environment.nonEmpty("AWS_SECRET_ACCESS_KEY")
        guard let key, let secret else {
            if key == nil, secret == nil { return .absent("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set") }
            let missing = key == nil ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"
            throw CredentialError(source: name, message: "half of a key pair is set: set \(missing) too, or neither")
        }
        var expiration: Date?
        if let text = environment.nonEmpty("AWS_CREDENTIAL_EXPIRATION") {
            guard let date = try? Date(text, strategy: .iso8601) else {
                throw CredentialError(source: name, message: "AWS_CREDENTIAL_EXPIRATION is not a time like 2026-01-01T12:00:00Z")
            }
            expiration = date
        }
        return .found(
            Credentials(
                accessKeyID: key, secretAccessKey: Secret(secret),
                sessionToken: environment.nonEmpty("AWS_SESSION_TOKEN").map { Secret($0) },
                expiration: expiration, source: "environment (AWS_ACCESS_KEY_ID)"))
    }
}

extension [String: String] {
    /// The value without surrounding blanks and line ends, which `echo` and editors leave in the files that variables are set from.
    /// An empty variable counts as unset, as in every SDK.
    func nonEmpty(_ name: String) -> String? { self[name].map(\.trimmed).flatMap { $0.isEmpty ? nil : $0 } }

    func isTrue(_ name: String) -> Bool { nonEmpty(name)?.lowercased() == "true" }

    /// The profile that the environment names, and the variable that names it.
    var chosenProfile: (variable: String, name: String)? {
        for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
            if let name = nonEmpty(variable) { return (variable, name) }
        }
        return nil
    }
}

extension StringProtocol {
    /// Without blanks and line ends around it.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
            return ""
        }
        return String(self[first...last])
    }
}
