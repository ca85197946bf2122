import HTTP

/// How an upstream's body is framed for the client (RFC 9112 6): as it came, unless its length is not known, or the client's status or
/// method has another framing than the upstream's.
struct ResponseFraming {
    let body: ClientAnswer.Body
    /// Nothing but the connection's end can tell this client where the body ends.
    let endsConnection: Bool

    /// - Parameters:
    ///   - head: the upstream's.
    ///   - status: the client's, where it is another one.
    ///   - collected: the body, where it has been gathered.
    init(_ head: Head, status: Int, collected: [UInt8]? = nil, toVersion11: Bool) {
        switch head.framing {
        // RFC 9110 8.6: whatever the upstream says of the length of a body that is none.
        case _ where status == 204: (body, endsConnection) = (.none, false)
        case _ where head.status == 204: (body, endsConnection) = (.length(0), false)
        case _ where collected != nil: (body, endsConnection) = (.length(collected?.count ?? 0), false)
        case .none, .length: (body, endsConnection) = (.asItIs, false)
        case .chunked, .untilClose: (body, endsConnection) = toVersion11 ? (.chunked, false) : (.untilClose, true)
        }
    }

    var isChunked: Bool { if case .chunked = body { true } else { false } }
}
