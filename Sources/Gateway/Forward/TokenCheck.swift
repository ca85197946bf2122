import AWS
import FoundationEssentials
import HTTP

/// Whether a token is good: before a request that cannot be sent twice, and after its response. Asks the registry where nothing else tells.
struct TokenCheck {
    let registry: RegistryClient
    let token: AuthorizationToken

    /// Seconds that a token is to last when a large upload begins.
    private static let uploadTime: TimeInterval = 300
    /// How long such an upload waits for a token that does.
    private static let renewalWait = Duration.seconds(2)

    /// An upload whose body is not held cannot be sent twice, so its token is verified first, unless the upstream has just accepted it.
    func isNeeded(before body: ReplayBody, _ framing: BodyFraming) -> Bool {
        !registry.worker.isTokenProven(token.generation, at: registry.upstream) && isLarge(body, framing)
    }

    /// More than is held.
    private func isLarge(_ body: ReplayBody, _ framing: BodyFraming) -> Bool {
        guard !body.isWhole, case .length(let count) = framing else { return !body.isWhole }
        return count > ReplayBody.maxHeld
    }

    /// A token for an upload that may take long: another one where this one ends soon. This one, where there is no other.
    func lasting(for body: ReplayBody, _ framing: BodyFraming) async -> AuthorizationToken {
        guard isLarge(body, framing), !token.lasts(Self.uploadTime, at: Date()) else { return token }
        return await registry.upstream.keeper.token(newerThan: token.generation, within: Self.renewalWait) ?? token
    }

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
