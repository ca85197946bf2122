import Crypto

/// The credentials that a connection last proved. A client sends the same with each request: comparing bytes costs a small part of a keyed hash.
/// They are valid no longer than in `LoginCache`, and erased with the connection.
package struct LastLogin: ~Copyable {
    private struct Proof: ~Copyable {
        let field: HeldSecret
        let principal: Principal
        let until: ContinuousClock.Instant
        let generation: Int
    }

    private var proof: Proof?

    /// Bytes of a field that is kept, which an idle connection goes on holding: room for a password of about 150 bytes. Longer ones are looked
    /// up in `LoginCache`.
    static let maxFieldBytes = 256

    /// Nothing is proven yet.
    package init() {}

    /// The principal of these credentials; nil: other ones were proven, or they have expired, or against users of another generation.
    /// - Parameter field: the value of `Authorization`.
    package func principal(of field: ArraySlice<UInt8>, generation: Int, now: ContinuousClock.Instant) -> Principal? {
        // `switch` borrows what cannot be copied.
        switch proof {
        case .some(let proof):
            proof.generation == generation && proof.until > now && proof.field.isEqual(to: field) ? proof.principal : nil
        case .none: nil
        }
    }

    /// Records that these credentials were found in `LoginCache`, or put there.
    /// - Parameters:
    ///   - field: the value of `Authorization`.
    ///   - until: when the cache's entry expires.
    package mutating func remember(_ field: ArraySlice<UInt8>, of login: LoginCache.Entry) {
        guard (1...Self.maxFieldBytes).contains(field.count) else { return }
        proof = Proof(field: HeldSecret(field), principal: login.principal, until: login.until, generation: login.generation)
    }
}
