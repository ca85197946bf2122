/// Why an attempt to send a request to an upstream came to nothing.
enum AttemptFault: Equatable {
    /// No connection was made.
    /// - Parameter isPermanent: another attempt would not change it: a certificate that is not trusted.
    case unreachable(isPermanent: Bool)
    /// A connection that had carried an exchange before broke without a byte of the response. ECR 1.5: it had been closed before the request came.
    case stale
    /// The connection broke before the response was complete.
    case broken
    /// What came is not HTTP, and would not be the next time either.
    case malformed
    /// Nothing came in the time allowed.
    case stalled
    /// A response says that the registry or the storage could not serve the request.
    /// - Parameter retryAfter: seconds.
    case status(Int, retryAfter: Int?)

    /// No connection was made: nothing of the request has been sent.
    /// - Throws: the client's failure.
    init(connecting failure: ConnectionFailure) throws(ConnectionFailure) {
        guard failure.side == .upstream else { throw failure }
        self = .unreachable(isPermanent: failure.isPermanent)
    }

    /// nil: a response with this status is none.
    init?(status: Int, retryAfter: @autoclosure () -> Int?) {
        guard status == 429 || status == 500 || (502...504).contains(status) else { return nil }
        self = .status(status, retryAfter: retryAfter())
    }

    var isPermanent: Bool { self == .unreachable(isPermanent: true) || self == .malformed }

    /// The registry has not taken the request, as surely as can be known. 503 does not say so: a server behind the one that responds may have.
    var saysNotTaken: Bool {
        switch self {
        case .unreachable, .status(429, _): true
        case .stale, .broken, .malformed, .stalled, .status: false
        }
    }

    /// Idle connections may be broken likewise.
    var breaksConnection: Bool {
        switch self {
        case .stale, .broken, .malformed, .stalled: true
        case .unreachable, .status: false
        }
    }

    /// It had no response that was counted.
    var isUnanswered: Bool { if case .status = self { false } else { true } }

    /// What it says of the upstream, for people; nil: nothing.
    var problem: String? {
        switch self {
        case .unreachable: "it cannot be reached"
        case .broken: "it breaks off connections"
        case .malformed: "what it sends is not HTTP"
        case .stalled: "it does not respond in time"
        case .status(429, _), .stale: nil
        case .status(let status, _): "it responds with status \(status)"
        }
    }

    var reason: ReplayReason {
        switch self {
        case .unreachable: .unreachable
        case .stale: .staleConnection
        case .broken, .malformed: .brokenConnection
        case .stalled: .stalled
        case .status(429, _): .throttled
        case .status: .serverError
        }
    }
}
