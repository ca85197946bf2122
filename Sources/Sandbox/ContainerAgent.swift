import Crypto
import HTTP

/// The agent that gives a container its role's credentials, as in ECS and EKS Pod Identity (ECR 4.4): one path, and an authorization token
/// that the container finds in a file. Shares the listener of the instance metadata.
final class ContainerAgent {
    static let role = "sandbox-container", path = "/v1/credentials"
    /// The required value of `Authorization`; `sandbox.json` has it.
    let token = SigningKeys.randomText(40, from: "abcdefghijklmnopqrstuvwxyz0123456789")
    private static let lifetime = 6 * 3600
    /// Credentials are replaced this many seconds before they expire.
    private static let renewal = 15 * 60

    private let account: Account
    private var credentials: SigningKeys?

    init(account: Account) { self.account = account }

    func respond(to exchange: Exchange) async throws {
        exchange.kind = "container"
        guard exchange.method == .get else { return try await exchange.respond(405) }
        guard let sent = exchange.field("Authorization"), constantTimeEqual(Array(sent.utf8), Array(token.utf8)) else {
            return try await exchange.respond(401, type: "application/json", json: ["message": "Invalid token"])
        }
        let keys = current()
        let end = Moment.extended(keys.session?.expiration ?? account.clock.seconds)
        try await exchange.respond(
            200, type: "application/json",
            json: [
                "AccessKeyId": keys.accessKeyID, "SecretAccessKey": keys.secret.reveal, "Token": keys.session?.token.reveal ?? "",
                "Expiration": end, "AccountId": account.id, "RoleArn": "arn:aws:iam::\(account.id):role/\(Self.role)",
            ])
    }

    private func current() -> SigningKeys {
        let now = account.clock.seconds
        if let credentials, let kept = account.keys[credentials.accessKeyID], kept.session?.expiration ?? 0 > now + Self.renewal {
            return kept
        }
        let arn = "arn:aws:sts::\(account.id):assumed-role/\(Self.role)/pod"
        let made = SigningKeys.make(sessionUntil: now + Self.lifetime, caller: Caller(arn: arn, userID: "AROASANDBOX:pod"))
        account.keys.add(session: made)
        credentials = made
        return made
    }
}
