/// Credentials that were verified before, shared by all workers. They stay valid while the user's stored password is the same, also after a
/// reload, so a user who has logged in once does not wait behind other clients' guesses. It holds tags (keyed hashes), no passwords.
/// Unlike the workers' `LoginCache` it has no time limit.
package struct ProvenLogins: Sendable {
    private struct Proof {
        let user: [UInt8]
        /// The stored password that they matched.
        let credential: Credential
    }

    /// By tag.
    private var proofs: [[UInt8]: Proof] = [:]

    /// Far more than there are in use; only a client that knows a password can add one.
    private static let maxProofs = 4096

    package init() {}

    /// nil: not verified before, or against a password that the user no longer has.
    /// - Parameter tag: a keyed hash of the credentials.
    package func principal(of tag: [UInt8], in users: UserDirectory) -> Principal? {
        guard let proof = proofs[tag], let user = users.user(proof.user), user.credential == proof.credential else { return nil }
        return user.principal
    }

    /// Records that these credentials matched the user's stored password.
    package mutating func insert(_ tag: [UInt8], user: [UInt8], in users: UserDirectory) {
        guard let credential = users.user(user)?.credential else { return }
        // Remove invalid entries first, then any entry: that user's next login is hashed again.
        if proofs.count >= Self.maxProofs {
            proofs = proofs.filter { users.user($0.value.user)?.credential == $0.value.credential }
        }
        if proofs.count >= Self.maxProofs, let any = proofs.keys.first { proofs[any] = nil }
        proofs[tag] = Proof(user: user, credential: credential)
    }
}
