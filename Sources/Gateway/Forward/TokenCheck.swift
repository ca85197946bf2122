import AWS
import HTTP

/// What a response to a client's request says of the token that it was sent with. Asks the registry where the response does not tell.
struct TokenCheck {
    let registry: RegistryClient
    let token: AuthorizationToken

    /// What the response's head says.
    /// - Parameter method: of the request to the registry.
    static func judgement(of head: Head, method: Method) -> TokenRejection {
        // A body in a content coding cannot be read here: it is treated like none.
        TokenRejection.judge(status: head.status, method: head.status < 400 || !head.isEncoded ? method : .head)
    }

    /// Whether the response rejects the token, and the response's body where it had to be read to know.
    func rejection(_ judgement: TokenRejection, by connection: UpstreamConnection) async throws -> (
        TokenRejection.Reason?, body: [UInt8]?
    ) {
        switch judgement {
        case .no: return (nil, nil)
        case .yes(let reason): return (reason, nil)
        // The response is kept for the client: the registry is asked over another connection.
        case .unclear(let reason): return (try await registry.isRejected(token) ? reason : nil, nil)
        case .inBody:
            let body = try await registry.collect(connection)
            switch TokenRejection.judge(status: connection.head.status, body: body) {
            case .yes(let reason): return (reason, body)
            case .unclear(let reason): return (try await registry.isRejected(token) ? reason : nil, body)
            case .no, .inBody: return (nil, body)
            }
        }
    }
}
