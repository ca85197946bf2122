import Registry

/// A response of Berth's own that reports an error: the error, and the fields that say what to do about it.
struct ErrorResponse: Error {
    let error: RegistryError
    /// Berth's own bounds are reached. It says nothing of the upstream.
    private(set) var isShed = false
    /// Seconds.
    private let retryAfter: Int?
    private let challenge: Challenge?
    private let allow: String?
    /// Further fields that the client needs: `Content-Range` with 416, and the like.
    private let others: [(String, String)]

    init(
        _ error: RegistryError, retryAfter: Int? = nil, challenge: Challenge? = nil, allow: String? = nil,
        others: [(String, String)] = []
    ) {
        (self.error, self.retryAfter, self.challenge, self.allow, self.others) = (error, retryAfter, challenge, allow, others)
    }

    /// - Parameters:
    ///   - status: nil: the code's own.
    ///   - retryAfter: seconds.
    ///   - allow: the methods of `Allow`.
    init(
        _ code: RegistryError.Code, _ message: String, status: Int? = nil, retryAfter: Int? = nil, challenge: Challenge? = nil,
        allow: String? = nil, others: [(String, String)] = []
    ) {
        self.init(
            RegistryError(code, message, status: status), retryAfter: retryAfter, challenge: challenge, allow: allow, others: others
        )
    }

    /// 502: the upstream failed, or did what the gateway does not follow.
    static func badGateway(_ message: String, retryAfter: Int? = nil) -> ErrorResponse {
        ErrorResponse(.unavailable, message, status: 502, retryAfter: retryAfter)
    }

    /// 503: too much is asked of Berth, or by it.
    static func shed(_ message: String, retryAfter: Int) -> ErrorResponse {
        var response = ErrorResponse(.unavailable, message, status: 503, retryAfter: retryAfter)
        response.isShed = true
        return response
    }

    static func loginRequired(_ challenge: Challenge) -> ErrorResponse {
        ErrorResponse(.unauthorized, "Log in first: this registry needs a user name and a password.", challenge: challenge)
    }

    var fields: [(String, String)] {
        var fields = Self.jsonFields
        if let retryAfter { fields.append(("Retry-After", String(retryAfter))) }
        if let challenge { fields.append(("WWW-Authenticate", challenge.fieldValue)) }
        if let allow { fields.append(("Allow", allow)) }
        return fields + others
    }

    /// The fields of every JSON response that Berth makes itself.
    static let jsonFields = [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")]
}
