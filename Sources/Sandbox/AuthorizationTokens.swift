import Crypto
import FoundationEssentials

/// ECR's authorization tokens (ECR 2.1): the API issues them, the registry checks them. A token contains its claims, protected by a MAC, so
/// any number may be valid and none has to be stored.
final class AuthorizationTokens {
    enum Verdict {
        case good(Claims)
        /// Expired, or of another region, for which ECR's response is the same (ECR 1.1).
        case expired
        case malformed
    }

    struct Claims: Codable {
        var region, arn: String
        var generation, expiration: Int
        /// Makes the password as long as ECR's, about 2 kB.
        var padding: String
    }

    private struct Password: Codable {
        var payload, datakey, version, type: String
        var expiration: Int
    }

    static let lifetime = 12 * 3600
    private static let paddingBytes = 630
    /// Longer tokens are malformed.
    private static let maxTokenBytes = 8192

    private let region: String
    private let key = randomBytes(32)
    /// Grows with each `expireAll`, which expires the tokens of earlier generations.
    private var generation = 0
    /// The claims of tokens in use, as decoding them costs more than a small request.
    private var cached: [String: Claims] = [:]
    private static let maxCached = 64

    init(region: String) { self.region = region }

    func expireAll() { generation += 1 }

    /// Returns base64 of `AWS:` and a password, and its expiry in seconds since 1970.
    func issue(to caller: Caller, now: Int) throws -> (token: Secret<String>, expiration: Int) {
        let expiration = now + Self.lifetime
        let claims = Claims(
            region: region, arn: caller.arn, generation: generation, expiration: expiration,
            padding: Data(randomBytes(Self.paddingBytes)).base64EncodedString())
        let payload = Data(try JSON.bytes(of: claims)).base64EncodedString()
        let password = Password(
            payload: payload, datakey: Data(HMAC.sha256(key: key, Array(payload.utf8))).base64EncodedString(), version: "2",
            type: "DATA_KEY", expiration: expiration)
        let text = "AWS:" + Data(try JSON.bytes(of: password)).base64EncodedString()
        return (Secret(Data(text.utf8).base64EncodedString()), expiration)
    }

    /// - Parameter token: what follows `Basic ` in the request.
    func check(_ token: String, now: Int) -> Verdict {
        guard let claims = cached[token] ?? decodeAndCache(token) else { return .malformed }
        if claims.region != region || claims.generation != generation || claims.expiration <= now { return .expired }
        return .good(claims)
    }

    private func decodeAndCache(_ token: String) -> Claims? {
        guard let claims = read(token) else { return nil }
        if cached.count >= Self.maxCached { cached = [:] }
        cached[token] = claims
        return claims
    }

    private func read(_ token: String) -> Claims? {
        guard token.utf8.count <= Self.maxTokenBytes, let text = Data(base64Encoded: token), text.starts(with: "AWS:".utf8),
            let json = Data(base64Encoded: text.dropFirst(4)), let password = try? JSON.decode(Password.self, from: Array(json)),
            let payload = Data(base64Encoded: password.payload), let claims = try? JSON.decode(Claims.self, from: Array(payload))
        else { return nil }
        // Another region's token cannot be verified here, and is rejected anyway.
        if claims.region != region { return claims }
        let mac = Data(base64Encoded: password.datakey).map(Array.init) ?? []
        return constantTimeEqual(mac, HMAC.sha256(key: key, Array(password.payload.utf8))) ? claims : nil
    }
}
