import HTTP

/// How an upstream's body is framed for the client (RFC 9112 6): as it came, unless its length is not known.
struct AnswerFraming {
    let body: ClientAnswer.Body
    /// Nothing but the connection's end can tell this client where the body ends.
    let endsConnection: Bool

    init(upstream: BodyFraming, collected: [UInt8]?, toVersion11: Bool) {
        if let collected {
            (body, endsConnection) = (.length(collected.count), false)
            return
        }
        switch upstream {
        case .none, .length: (body, endsConnection) = (.asItIs, false)
        case .chunked, .untilClose: (body, endsConnection) = toVersion11 ? (.chunked, false) : (.untilClose, true)
        }
    }

    var isChunked: Bool { if case .chunked = body { true } else { false } }
}
