package import Crypto

/// A user's stored password.
package enum Credential: Sendable, Equatable {
    case hash(PasswordHash)
    /// From a file or the environment. It is compared directly, not hashed.
    case plain(Secret<[UInt8]>)
}
