import HTTP

/// How an upstream's body is framed for the client (RFC 9112 6): as it came, unless its length is not known, or the client's status or
/// method has another framing than the upstream's.
struct ResponseFraming {
    let framing: ResponseHeadWriter.Framing
    /// Only the connection's end can tell this client where the body ends.
    let endsConnection: Bool

    /// - Parameters:
    ///   - head: the upstream's.
    ///   - status: the client's.
    ///   - collected: bytes of the body, where it has been read whole; nil: it is still to come.
    init(_ head: Head, status: Int, collected: Int? = nil, toVersion11: Bool) {
        switch head.framing {
        // RFC 9110 8.6: whatever the upstream says about the length of a body that is none.
        case _ where status == 204: (framing, endsConnection) = (.none, false)
        case _ where head.status == 204: (framing, endsConnection) = (.length(0), false)
        case _ where collected != nil: (framing, endsConnection) = (.length(collected ?? 0), false)
        case .none, .length: (framing, endsConnection) = (.asCopied, false)
        case .chunked, .untilClose: (framing, endsConnection) = toVersion11 ? (.chunked, false) : (.untilClose, true)
        }
    }
}
