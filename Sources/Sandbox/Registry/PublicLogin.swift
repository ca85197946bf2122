import Crypto
import HTTP

/// The authentication of ECR Public, for the same repositories: a token service, bearer tokens, and error responses of its own (ECR 2.2).
struct PublicLogin {
    private let account: Account

    init(account: Account) { self.account = account }

    /// Whether the request's `Host`, without the port, is ECR Public.
    static func isPublic(_ exchange: Exchange) -> Bool {
        exchange.field("Host")?.split(separator: ":").first.map { AWSHosts.publicRegistries.contains(String($0)) } ?? false
    }

    private static let challenge =
        "Bearer realm=\"https://\(AWSHosts.publicRegistries[0])/token/\",service=\"\(AWSHosts.publicRegistries[0])\",scope=\"aws\""

    /// `GET /token/`. With the API's token as Basic credentials the bearer token is the caller's, without credentials it is anonymous.
    func respondToTokenRequest(_ exchange: Exchange) async throws {
        exchange.kind = "token"
        var caller = Caller(arn: "anonymous", userID: "anonymous")
        if let authorization = exchange.field("Authorization") {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "basic",
                case .good(let claims) = account.tokens.check(String(parts[1]), now: account.clock.seconds)
            else { return try await respondWithError(exchange, 400, "Your Authorization Token is invalid.") }
            caller.arn = claims.arn
        }
        let token = try account.tokens.issue(to: caller, now: account.clock.seconds).token
        try await exchange.respond(200, type: "application/json; charset=utf-8", json: ["token": token.reveal])
    }

    /// Returns the ARN behind the request's bearer token; nil when an error response has been sent.
    func authenticate(_ exchange: Exchange, isHeadOfBlob: Bool) async throws -> String? {
        let parts = (exchange.field("Authorization") ?? "").split(separator: " ", maxSplits: 1)
        // ECR Public denies HEAD of a blob to every caller (ECR 2.2).
        guard parts.count == 2, parts[0].lowercased() == "bearer", !isHeadOfBlob else {
            let isBasic = parts.count == 2 && parts[0].lowercased() == "basic"
            try await respondWithError(
                exchange, isBasic ? 400 : 401, isBasic ? "Your Authorization Token is invalid." : "Not Authorized")
            return nil
        }
        if case .good(let claims) = account.tokens.check(String(parts[1]), now: account.clock.seconds) { return claims.arn }
        account.counters.expiredTokenResponses += 1
        try await respondWithError(exchange, 400, "Your Authorization Token is invalid.")
        return nil
    }

    private func respondWithError(_ exchange: Exchange, _ status: Int, _ message: String) async throws {
        let errorResponse = RegistryErrorResponse(status: status, code: "DENIED", message: message)
        let challenge = status == 401 ? [("WWW-Authenticate", Self.challenge)] : []
        try await exchange.respond(
            status, fields: [RegistryFormat.version, ("Content-Type", "application/json; charset=utf-8")] + challenge,
            body: errorResponse.body)
    }
}
