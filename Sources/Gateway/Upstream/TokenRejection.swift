import HTTP

/// Whether an upstream's response means that the authorization token is no longer good. ECR says so in ways that no client recovers from
/// by itself: 403 without a challenge, or 400 (ECR 1.1).
enum TokenRejection: Equatable {
    /// The response has nothing to do with the token: it is the client's.
    case no
    /// The token was rejected: the same request is to be sent with a newer one.
    case yes(Reason)
    /// The status could mean it and there is no body to tell (HEAD): the registry has to be asked with a request that needs nothing but a
    /// token.
    case unclear(Reason)
    /// The status could mean it and the body will tell.
    case inBody

    enum Reason: String, CaseIterable { case expired, invalid, unauthorized }

    /// Once `RetryPolicy` gives up on tokens.
    static let keepsRejecting = ErrorResponse.badGateway(
        "The upstream registry keeps rejecting the gateway's token.", retryAfter: 30)
    /// Bytes. Error bodies of ECR are a few hundred bytes; an IAM denial's is the longest.
    static let maxBody = 64 << 10

    /// What a response's head says.
    /// - Parameter method: of the request to the registry.
    static func judge(_ head: Head, method: Method) -> TokenRejection {
        // A body in a content coding cannot be read here: it is treated like none.
        judge(status: head.status, method: head.status < 400 || !head.isEncoded ? method : .head)
    }

    /// - Parameter method: HEAD: there is no body to tell.
    static func judge(status: Int, method: Method) -> TokenRejection {
        switch status {
        // A registry that challenges: ECR for a request without credentials, docker's own for wrong ones.
        case 401: .yes(.unauthorized)
        case 403: method == .head ? .unclear(.expired) : .inBody
        case 400: method == .head ? .unclear(.invalid) : .inBody
        default: .no
        }
    }

    /// - Parameter body: the response's, whole.
    static func judge(status: Int, body: [UInt8]) -> TokenRejection {
        // ECR 1.1: both spellings, private ECR's of today and of 2016, hold these words.
        if status == 403, contains(body, "authorization token has expired") { return .yes(.expired) }
        if status == 400, contains(body, "authorization token is invalid") { return .yes(.invalid) }
        // A malformed token gets 400 without a registry error in it (ECR 1.1); a client's own mistake has one.
        if status == 400, !contains(body, "\"errors\"") { return .unclear(.invalid) }
        return .no
    }

    /// Whether `words`, in lower case, occur in `body` in any case of letters.
    private static func contains(_ body: [UInt8], _ words: StaticString) -> Bool {
        let words = words.utf8Bytes
        guard body.count >= words.count else { return false }
        return (0...(body.count - words.count)).contains { start in
            words.indices.allSatisfy { index in
                let byte = body[start + index]
                return (byte &- 65 < 26 ? byte | 0x20 : byte) == words[index]
            }
        }
    }
}
