import HTTP

/// What happens when a request reaches the registry twice, which decides whether it may be sent again after a failure that leaves open whether it did.
enum Repetition {
    /// Nothing: GET, HEAD, and a POST that opens an upload, of which one is then left unused.
    case harmless
    /// The same as once (RFC 9110 9.2.2): a manifest, the end of an upload.
    case idempotent
    /// Something else: a chunk would be there twice, a deletion would not find what it is to delete.
    case harmful

    /// - Parameters:
    ///   - method: of the request to the registry.
    ///   - framing: of the client's body.
    init(_ method: Method, _ framing: BodyFraming) {
        switch (method, framing) {
        case (.get, _), (.head, _), (.post, .none), (.post, .length(0)): self = .harmless
        case (.put, _): self = .idempotent
        default: self = .harmful
        }
    }

    /// Whether the request may be sent again.
    /// - Parameter body: what of the request's body has been sent, and is held.
    func allows(after fault: AttemptFault, _ body: ReplayBody) -> Bool {
        guard body.canReplay else { return false }
        switch self {
        case .harmless, .idempotent: return true
        // Without a byte of the body, nothing was taken. A request without a body was not taken by a connection that had been closed before.
        case .harmful: return fault.saysNotTaken || body.taken == 0 && (!body.isWhole || fault == .stale)
        }
    }
}
