import Crypto
import HTTP
import HTTPServer

/// The listener of `api.ecr.<region>` and `sts.<region>`. JSON 1.1 goes to ECR's API, a form goes to STS.
final class APIService {
    private let account: Account
    private let operations: ECROperations
    private let securityTokens: SecurityTokenService

    init(account: Account) {
        self.account = account
        operations = ECROperations(account: account)
        securityTokens = SecurityTokenService(account: account)
    }

    /// Far above any valid request: the largest has a policy of 30,720 characters.
    private static let maxBodyBytes = 1 << 20
    private static let targetPrefix = "AmazonEC2ContainerRegistry_V20150921.", publicTargetPrefix = "SpencerFrontendService."
    private static let type = "application/x-amz-json-1.1"

    func respond(to exchange: Exchange) async throws {
        guard exchange.method == .post, exchange.path == "/" else {
            return try await exchange.respond(404, body: Array("<UnknownOperationException/>\n".utf8))
        }
        guard let body = try await exchange.collect(upTo: Self.maxBodyBytes) else { return try await exchange.respond(413) }
        if exchange.field("Content-Type")?.hasPrefix("application/x-www-form-urlencoded") ?? false {
            return try await securityTokens.respond(to: exchange, body: body)
        }
        let id = ("x-amzn-RequestId", UUIDText.random())
        do {
            let result = try run(exchange, body)
            try await exchange.respond(200, fields: [id, ("Content-Type", Self.type)], body: result)
        } catch {
            let errorResponse =
                switch error {
                case let errorResponse as APIErrorResponse: errorResponse
                case let error as SignatureError: APIErrorResponse(error)
                default: throw error
                }
            try await exchange.respond(errorResponse.status, type: Self.type, fields: [id], json: errorResponse.body)
        }
    }

    private func run(_ exchange: Exchange, _ body: [UInt8]) throws -> [UInt8] {
        if let target = exchange.field("X-Amz-Target"), target.hasPrefix(Self.publicTargetPrefix) {
            return try runPublic(String(target.dropFirst(Self.publicTargetPrefix.count)), exchange, body)
        }
        guard let target = exchange.field("X-Amz-Target"), target.hasPrefix(Self.targetPrefix),
            let operation = ECROperations.Name(rawValue: String(target.dropFirst(Self.targetPrefix.count)))
        else { throw APIErrorResponse("UnknownOperationException", nil) }
        exchange.kind = operation.rawValue
        let check = SignatureCheck(region: account.region, service: "ecr")
        let caller = try check.caller(of: ReceivedRequest(exchange), body: body, keys: account.keys, now: account.clock.seconds)
        guard let request = try? JSON.decode(APIRequest.self, from: body.isEmpty ? Array("{}".utf8) : body) else {
            throw APIErrorResponse("SerializationException", nil)
        }
        if account.isAPIDenied {
            let resource = operation == .getAuthorizationToken ? "*" : request.repositoryName.map(account.repositoryARN) ?? "*"
            throw APIErrorResponse(
                "AccessDeniedException", account.notAuthorized(caller.arn, to: "ecr:\(operation.rawValue)", on: resource))
        }
        return try operations.run(operation, request, by: caller)
    }

    private struct PublicAuthorization: Encodable {
        struct Token: Encodable { var authorizationToken: String, expiresAt: Double }
        var authorizationData: Token
    }

    /// ECR Public's API (ECR 2.2). Its response has an object where ECR's has a list.
    private func runPublic(_ operation: String, _ exchange: Exchange, _ body: [UInt8]) throws -> [UInt8] {
        guard operation == "GetAuthorizationToken" else { throw APIErrorResponse("UnknownOperationException", nil) }
        exchange.kind = "PublicGetAuthorizationToken"
        let check = SignatureCheck(region: AWSHosts.publicRegion, service: "ecr-public")
        let caller = try check.caller(of: ReceivedRequest(exchange), body: body, keys: account.keys, now: account.clock.seconds)
        if account.isAPIDenied {
            throw APIErrorResponse(
                "AccessDeniedException", account.notAuthorized(caller.arn, to: "ecr-public:GetAuthorizationToken", on: "*"))
        }
        let (token, end) = try account.tokens.issue(to: caller, now: account.clock.seconds)
        return try JSON.bytes(
            of: PublicAuthorization(authorizationData: .init(authorizationToken: token.reveal, expiresAt: Double(end))))
    }
}
