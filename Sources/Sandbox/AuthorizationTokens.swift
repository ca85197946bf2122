import Crypto
import FoundationEssentials

/// ECR's authorization tokens (ECR 2.1): issued by the API, taken by the registry. A token carries its own claims under a
/// MAC, so any number of them may be live and nothing is kept for them.
final class AuthorizationTokens {
    enum Verdict {
        case good(Claims)
        /// Over its time, or of another region: ECR says the same to both (ECR 1.1).
        case expired
        case malformed
    }

    struct Claims: Codable {
        var region, arn: String
        var generation, expiration: Int
        /// Makes the password as long as ECR's, some 2 kB.
        var padding: String
    }

    private struct Password: Codable {
        var payload, datakey, version, type: String
        var expiration: Int
    }

    static let lifetime = 12 * 3600
    private static let paddingBytes = 630
    /// Passwords longer than this are not looked at.
    private static let passwordBytes = 8192

    private let region: String
    private let key = randomBytes(32)
    /// Grows with each `expireAll`: those of an earlier one are over.
    private var generation = 0
    /// Verdicts on the tokens in use, since decoding one costs more than a small request.
    private var remembered: [String: Claims] = [:]
    private static let maxRemembered = 64

    init(region: String) { self.region = region }

    func expireAll() { generation += 1 }

    /// base64 of `AWS:` and a password, and its end.
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
        guard let claims = remembered[token] ?? readAnew(token) else { return .malformed }
        if claims.region != region || claims.generation != generation || claims.expiration <= now { return .expired }
        return .good(claims)
    }

    private func readAnew(_ token: String) -> Claims? {
        guard let claims = read(token) else { return nil }
        if remembered.count >= Self.maxRemembered { remembered = [:] }
        remembered[token] = claims
        return claims
    }

    private func read(_ token: String) -> Claims? {
        guard token.utf8.count <= Self.passwordBytes, let text = Data(base64Encoded: token), text.starts(with: "AWS:".utf8),
            let json = Data(base64Encoded: text.dropFirst(4)), let password = try? JSON.decode(Password.self, from: Array(json)),
            let payload = Data(base64Encoded: password.payload), let claims = try? JSON.decode(Claims.self, from: Array(payload))
        else { return nil }
        // Another region's token is not ours to verify, and is not good here whoever made it.
        if claims.region != region { return claims }
        let mac = Data(base64Encoded: password.datakey).map(Array.init) ?? []
        return constantTimeEqual(mac, HMAC.sha256(key: key, Array(password.payload.utf8))) ? claims : nil
    }
}
