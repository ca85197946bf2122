/// Credentials that proved right, for all workers: they are good as long as their user's stored credential is the same, also after a
/// reload, so whoever has logged in before waits for no hash however many guess beside it. Holds tags, no passwords.
package struct ProvenLogins: Sendable {
    private struct Proof {
        let user: [UInt8]
        /// What they were checked against.
        let credential: Credential
    }

    /// By tag: a keyed hash of the login.
    private var proofs: [[UInt8]: Proof] = [:]

    /// A site has dozens; only whoever knows a password adds one.
    private static let maxProofs = 4096

    package init() {}

    /// nil: not proven, or against a credential that the user no longer has.
    package func principal(of tag: [UInt8], in users: UserDirectory) -> Principal? {
        guard let proof = proofs[tag], let user = users.user(proof.user), user.credential == proof.credential else { return nil }
        return user.principal
    }

    package mutating func insert(_ tag: [UInt8], user: [UInt8], in users: UserDirectory) {
        guard let credential = users.user(user)?.credential else { return }
        // What has ceased to be good goes first, then any one: its user's next login is hashed once more.
        if proofs.count >= Self.maxProofs {
            proofs = proofs.filter { users.user($0.value.user)?.credential == $0.value.credential }
        }
        if proofs.count >= Self.maxProofs, let any = proofs.keys.first { proofs[any] = nil }
        proofs[tag] = Proof(user: user, credential: credential)
    }
}
