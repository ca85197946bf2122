import Crypto
import HTTP

/// ECR Public's way in to the same repositories: a token service, bearers, and its own answers (ECR 2.2). Chosen by `Host`.
extension RegistryService {
    /// The port aside.
    static func isPublic(_ exchange: Exchange) -> Bool {
        exchange.field("Host")?.split(separator: ":").first.map { Names.publicRegistries.contains(String($0)) } ?? false
    }

    private static let challenge =
        "Bearer realm=\"https://\(Names.publicRegistries[0])/token/\",service=\"\(Names.publicRegistries[0])\",scope=\"aws\""

    /// `GET /token/`: with the API's token as Basic for whoever has one, without anything for everybody.
    func answerTokenRequest(_ exchange: Exchange) async throws {
        exchange.kind = "token"
        var caller = Caller(arn: "anonymous", userID: "anonymous")
        if let authorization = exchange.field("Authorization") {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "basic",
                case .good(let claims) = account.tokens.check(String(parts[1]), now: account.clock.seconds)
            else { return try await refusePublicly(exchange, 400, "Your Authorization Token is invalid.") }
            caller.arn = claims.arn
        }
        let token = try account.tokens.issue(to: caller, now: account.clock.seconds).token
        try await exchange.respond(200, type: "application/json; charset=utf-8", json: ["token": token.reveal])
    }

    /// Whose bearer the request carries; nil: it has been refused.
    func authenticatePublicly(_ exchange: Exchange, isHeadOfBlob: Bool) async throws -> String? {
        let parts = (exchange.field("Authorization") ?? "").split(separator: " ", maxSplits: 1)
        // HEAD of a blob is refused whoever asks (ECR 2.2).
        guard parts.count == 2, parts[0].lowercased() == "bearer", !isHeadOfBlob else {
            let isBasic = parts.count == 2 && parts[0].lowercased() == "basic"
            try await refusePublicly(
                exchange, isBasic ? 400 : 401, isBasic ? "Your Authorization Token is invalid." : "Not Authorized")
            return nil
        }
        if case .good(let claims) = account.tokens.check(String(parts[1]), now: account.clock.seconds) { return claims.arn }
        account.counters.expiredTokenAnswers += 1
        try await refusePublicly(exchange, 400, "Your Authorization Token is invalid.")
        return nil
    }

    private func refusePublicly(_ exchange: Exchange, _ status: Int, _ message: String) async throws {
        let refusal = RegistryRefusal(status: status, code: "DENIED", message: message)
        let challenge = status == 401 ? [("WWW-Authenticate", Self.challenge)] : []
        try await exchange.respond(
            status, fields: [Self.version, ("Content-Type", "application/json; charset=utf-8")] + challenge, body: refusal.body)
    }
}
