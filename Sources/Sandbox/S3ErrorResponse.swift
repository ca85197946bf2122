/// An error response in S3's XML.
struct S3ErrorResponse: Error {
    var status: Int
    var code: String
    var message: String
    /// Elements after the message, by name.
    var details: [(String, String)]

    init(_ status: Int, _ code: String, _ message: String, _ details: [(String, String)] = []) {
        (self.status, self.code, self.message, self.details) = (status, code, message, details)
    }

    init(_ errorResponse: PresignedURLs.Problem, now: Int, saysExpiredToken: Bool) {
        switch errorResponse {
        case .unsigned: self.init(403, "AccessDenied", "Access Denied")
        case .malformed(let why): self.init(400, "AuthorizationQueryParametersError", why)
        case .unknownKey: self.init(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        case .mismatch:
            self.init(
                403, "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
        case .expired, .sessionEnded:
            if saysExpiredToken {
                self.init(400, "ExpiredToken", "The provided token has expired.")
                return
            }
            var (end, lifetime) = (now, PresignedURLs.lifetime)
            if case .expired(let at, let seconds) = errorResponse { (end, lifetime) = (at, seconds) }
            self.init(
                403, "AccessDenied", "Request has expired",
                [("X-Amz-Expires", String(lifetime)), ("Expires", Moment.extended(end)), ("ServerTime", Moment.extended(now))])
        }
    }

    var body: [UInt8] {
        let elements =
            [("Code", code), ("Message", message)] + details + [
                ("RequestId", String(UUIDText.random().prefix(8))), ("HostId", "sandbox"),
            ]
        let text = elements.map { "<\($0)>\(XML.escape($1))</\($0)>" }.joined()
        return Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\(text)</Error>".utf8)
    }
}
