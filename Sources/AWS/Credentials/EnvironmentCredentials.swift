import Crypto
import FoundationEssentials

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_CREDENTIAL_EXPIRATION` (ECR 4.2).
package struct EnvironmentCredentials: CredentialSource {
    /// As in the configuration.
    package let name = "environment"
    private let environment: [String: String]

    /// - Parameter environment: the process's variables.
    package init(environment: [String: String]) { self.environment = environment }

    /// - Throws: when only half of the key pair is set, or the expiration is not a time.
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
