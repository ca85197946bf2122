/// An error response of the JSON 1.1 protocol (ECR 3).
struct APIErrorResponse: Error {
    struct Body: Encodable {
        var type: String
        var message: String?
        enum CodingKeys: String, CodingKey {
            case type = "__type"
            case message
        }
    }

    var status = 400
    var body: Body

    init(_ type: String, _ message: String?, status: Int = 400) {
        (self.status, body) = (status, Body(type: type, message: message))
    }

    init(_ error: SignatureError) {
        switch error {
        case .missing: self.init("MissingAuthenticationTokenException", "Missing Authentication Token")
        case .incomplete(let why): self.init("IncompleteSignatureException", why)
        case .unknownKey: self.init("UnrecognizedClientException", "The security token included in the request is invalid.")
        case .sessionExpired: self.init("ExpiredTokenException", "The security token included in the request is expired")
        case .invalid(let why): self.init("InvalidSignatureException", why)
        }
    }

    static func invalidParameter(_ name: String, _ constraint: String) -> Self {
        .init("InvalidParameterException", "Invalid parameter at '\(name)' failed to satisfy constraint: '\(constraint)'")
    }
}
