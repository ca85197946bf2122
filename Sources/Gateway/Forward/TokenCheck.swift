import AWS
import FoundationEssentials
import HTTP

/// Whether a token is good enough for a request that cannot be sent twice.
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
}
