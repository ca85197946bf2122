import Registry

/// An answer of Berth's own: the error, and the fields that say what to do about it.
struct Refusal: Error {
    let error: RegistryError
    private let retryAfter: Int?
    private let challenge: Challenge?
    private let allow: String?
    /// Of the upstream's answer, what the client needs besides: `Content-Range` with 416, and the like.
    private let others: [(String, String)]

    init(
        _ error: RegistryError, retryAfter: Int? = nil, challenge: Challenge? = nil, allow: String? = nil,
        others: [(String, String)] = []
    ) {
        (self.error, self.retryAfter, self.challenge, self.allow, self.others) = (error, retryAfter, challenge, allow, others)
    }

    init(
        _ code: RegistryError.Code, _ message: String, status: Int? = nil, retryAfter: Int? = nil, challenge: Challenge? = nil,
        allow: String? = nil
    ) {
        self.init(RegistryError(code, message, status: status), retryAfter: retryAfter, challenge: challenge, allow: allow)
    }

    static func loginNeeded(_ challenge: Challenge) -> Refusal {
        Refusal(.unauthorized, "Log in first: this registry needs a user name and a password.", challenge: challenge)
    }

    var fields: [(String, String)] {
        var fields = [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")]
        if let retryAfter { fields.append(("Retry-After", String(retryAfter))) }
        if let challenge { fields.append(("WWW-Authenticate", challenge.fieldValue)) }
        if let allow { fields.append(("Allow", allow)) }
        return fields + others
    }
}
