import HTTP

/// Whether an upstream's answer means that the authorization token is no longer good. ECR says so in ways that no client heals
/// by itself: 403 without a challenge, or 400 (ECR 1.1).
enum TokenRefusal: Equatable {
    /// The answer has nothing to do with the token: it is the client's.
    case no
    /// The token was refused: a newer one and the same request again.
    case yes(Reason)
    /// The status could mean it and there is no body to tell (HEAD): ask the registry with a request that needs nothing but a token.
    case unclear(Reason)
    /// The status could mean it and the body will tell.
    case inBody

    enum Reason: String, CaseIterable { case expired, invalid, unauthorized }

    /// Error bodies of ECR are a few hundred bytes (an IAM denial's is the longest); past this it is not one.
    static let maxBody = 64 << 10

    static func judge(status: Int, method: Method) -> TokenRefusal {
        switch status {
        // A registry that challenges: ECR for a request without credentials, docker's own for wrong ones.
        case 401: .yes(.unauthorized)
        case 403: method == .head ? .unclear(.expired) : .inBody
        case 400: method == .head ? .unclear(.invalid) : .inBody
        default: .no
        }
    }

    /// - Parameter body: the answer's, whole.
    static func judge(status: Int, body: [UInt8]) -> TokenRefusal {
        // ECR 1.1: both spellings, private ECR's of today and of 2016, hold these words.
        if status == 403, contains(body, "authorization token has expired") { return .yes(.expired) }
        if status == 400, contains(body, "authorization token is invalid") { return .yes(.invalid) }
        // A malformed token is answered 400 without a registry error in it (ECR 1.1); a client's own mistake has one.
        if status == 400, !contains(body, "\"errors\"") { return .unclear(.invalid) }
        return .no
    }

    /// Of an answer that has its body: nil: the token was taken.
    static func of(_ reply: UpstreamReply) -> Reason? {
        switch judge(status: reply.status, method: .get) {
        case .yes(let reason): return reason
        case .inBody: if case .yes(let reason) = judge(status: reply.status, body: reply.body) { return reason }
        case .no, .unclear: break
        }
        return nil
    }

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
