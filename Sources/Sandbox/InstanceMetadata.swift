import Crypto
import HTTP

/// The instance metadata service (ECR 4.5): gives session tokens and, for these, the role's credentials.
final class InstanceMetadata {
    static let role = "sandbox-instance"
    private static let prefix = "/latest/meta-data/"
    private static let lifetime = 6 * 3600
    /// Credentials are replaced this many seconds before they expire. AWS replaces them earlier.
    private static let renewal = 15 * 60

    private let account: Account
    private let key = randomBytes(32)
    private var credentials: SigningKeys?

    init(account: Account) { self.account = account }

    func respond(to exchange: Exchange) async throws {
        if exchange.method == .put, exchange.path == "/latest/api/token" {
            exchange.kind = "token"
            guard let seconds = exchange.field("x-aws-ec2-metadata-token-ttl-seconds").flatMap(Int.init),
                (1...21600).contains(seconds)
            else {
                return try await text(400, "", exchange)
            }
            return try await exchange.respond(
                200, fields: [("Content-Type", "text/plain"), ("x-aws-ec2-metadata-token-ttl-seconds", String(seconds))],
                body: Array(token(until: account.clock.seconds + seconds).utf8))
        }
        guard exchange.method == .get, exchange.path.hasPrefix(Self.prefix) else {
            return try await text(404, "Not Found", exchange)
        }
        exchange.kind = "get"
        guard isAllowed(exchange.field("x-aws-ec2-metadata-token")) else { return try await text(401, "Unauthorized", exchange) }
        switch exchange.path.dropFirst(Self.prefix.count) {
        case "iam/security-credentials", "iam/security-credentials/": try await text(200, Self.role, exchange)
        case "iam/security-credentials/\(Self.role)":
            exchange.kind = "credentials"
            try await exchange.respond(200, type: "application/json", json: Credentials(current(), now: account.clock.seconds))
        case "placement/region": try await text(200, account.region, exchange)
        default: try await text(404, "Not Found", exchange)
        }
    }

    private struct Credentials: Encodable {
        var Code = "Success"
        var LastUpdated: String
        var `Type` = "AWS-HMAC"
        var AccessKeyId, SecretAccessKey, Token, Expiration: String

        init(_ keys: SigningKeys, now: Int) {
            LastUpdated = Moment.extended(now)
            (AccessKeyId, SecretAccessKey) = (keys.accessKeyID, keys.secret.reveal)
            (Token, Expiration) = (keys.session?.token.reveal ?? "", Moment.extended(keys.session?.expiration ?? now))
        }
    }

    private func current() -> SigningKeys {
        let now = account.clock.seconds
        if let credentials, let kept = account.keys[credentials.accessKeyID], kept.session?.expiration ?? 0 > now + Self.renewal {
            return kept
        }
        let arn = "arn:aws:sts::\(account.id):assumed-role/\(Self.role)/i-0123456789abcdef0"
        let made = SigningKeys.make(
            sessionUntil: now + Self.lifetime, caller: Caller(arn: arn, userID: "AROASANDBOX:i-0123456789abcdef0"))
        account.keys.add(session: made)
        credentials = made
        return made
    }

    // MARK: Session tokens. A token is its expiry and a MAC, so none is stored.

    private func token(until end: Int) -> String { "\(end)." + Hexadecimal.string(of: HMAC.sha256(key: key, Array("\(end)".utf8))) }

    private func isAllowed(_ token: String?) -> Bool {
        guard let token else { return account.quirks[.metadataV1] }
        guard let end = token.split(separator: ".").first.flatMap({ Int($0) }) else { return false }
        return token == self.token(until: end) && end > account.clock.seconds
    }

    private func text(_ status: Int, _ text: String, _ exchange: Exchange) async throws {
        try await exchange.respond(status, fields: [("Content-Type", "text/plain")], body: Array(text.utf8))
    }
}
