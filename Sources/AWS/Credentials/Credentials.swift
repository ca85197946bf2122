import Crypto
import FoundationEssentials

/// What a call to AWS is signed with. Only the access key id and the source may be shown.
public struct Credentials: Sendable, Equatable {
    public var accessKeyID: String
    public var secretAccessKey: Secret<String>
    /// Present for temporary credentials only.
    public var sessionToken: Secret<String>?
    /// Nil for keys that do not end.
    public var expiration: Date?
    /// Where they came from, for people: `environment (AWS_ACCESS_KEY_ID)`, `instance metadata, role pull`.
    public var source: String

    public init(
        accessKeyID: String, secretAccessKey: Secret<String>, sessionToken: Secret<String>? = nil, expiration: Date? = nil,
        source: String
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
        self.source = source
    }

    /// The same keys, wherever and whenever they were read.
    public func sameKeys(as other: Credentials) -> Bool {
        accessKeyID == other.accessKeyID && secretAccessKey == other.secretAccessKey && sessionToken == other.sessionToken
    }
}
