package import Crypto
package import FoundationEssentials

/// What a call to AWS is signed with. Only the access key id and the source may be shown.
package struct Credentials: Sendable, Equatable {
    package var accessKeyID: String
    package var secretAccessKey: Secret<String>
    /// Present for temporary credentials only. Never empty: `init` turns an empty token into none.
    package let sessionToken: Secret<String>?
    /// Nil for keys that do not end.
    package var expiration: Date?
    /// Where they came from, for people: `environment (AWS_ACCESS_KEY_ID)`, `instance metadata, role pull`.
    package var source: String

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

    /// Why requests cannot be signed with these; nil when they can. A common cause is a line end that was copied with the value.
    var flaw: String? {
        let parts = [
            ("access key id", accessKeyID), ("secret access key", secretAccessKey.reveal), ("session token", sessionToken?.reveal),
        ]
        for case (let name, let value?) in parts {
            if value.isEmpty { return "the \(name) is empty" }
            if !value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                return "the \(name) holds a blank, a line break or a character beyond ASCII"
            }
        }
        return nil
    }

    /// The same keys, wherever and whenever they were read.
    package func sameKeys(as other: Credentials) -> Bool {
        accessKeyID == other.accessKeyID && secretAccessKey == other.secretAccessKey && sessionToken == other.sessionToken
    }
}
