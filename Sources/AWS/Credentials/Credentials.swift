package import Crypto
package import FoundationEssentials

/// What calls to AWS are signed with. Only the access key id and the source may be shown.
package struct Credentials: Sendable, Equatable {
    /// Begins with `AKIA`, or `ASIA` for temporary credentials.
    package var accessKeyID: String
    /// Shown nowhere.
    package var secretAccessKey: Secret<String>
    /// Of temporary credentials; nil for others. Never empty, as `init` turns an empty token into nil.
    package let sessionToken: Secret<String>?
    /// nil for keys that do not expire.
    package var expiration: Date?
    /// The origin, for log lines: `environment (AWS_ACCESS_KEY_ID)`, `instance metadata, role pull`.
    package var source: String

    /// - Parameter sessionToken: an empty one counts as none.
    package init(
        accessKeyID: String, secretAccessKey: Secret<String>, sessionToken: Secret<String>? = nil, expiration: Date? = nil,
        source: String
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken?.reveal.isEmpty == true ? nil : sessionToken
        self.expiration = expiration
        self.source = source
    }

    /// Why these credentials cannot sign requests; nil when they can. A common cause is a line end that was copied with the value.
    var flaw: String? {
        let parts = [
            ("access key id", accessKeyID), ("secret access key", secretAccessKey.reveal), ("session token", sessionToken?.reveal),
        ]
        for case (let name, let value?) in parts {
            if value.isEmpty { return "the \(name) is empty" }
            if !value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                return "the \(name) contains white space, a line break or a non-ASCII character"
            }
        }
        return nil
    }

    /// Whether the keys are the same, whatever their origin and expiry.
    package func sameKeys(as other: Credentials) -> Bool {
        accessKeyID == other.accessKeyID && secretAccessKey == other.secretAccessKey && sessionToken == other.sessionToken
    }
}
