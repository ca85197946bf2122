import HTTPServer
import Crypto
import HTTP

/// The port of both `api.ecr.<region>` and `sts.<region>`: JSON 1.1 is ECR's, a form is STS's.
final class APIService {
    fileprivate let account: Account
    private let operations: ECROperations
    private let securityTokens: SecurityTokenService

    init(account: Account) {
        self.account = account
        operations = ECROperations(account: account)
        securityTokens = SecurityTokenService(account: account)
    }

    /// Far above any request there is: a policy of 30,720 characters is the largest.
    private static let bodyBytes = 1 << 20
    private static let targetPrefix = "AmazonEC2ContainerRegistry_V20150921.", publicTargetPrefix = "SpencerFrontendService."
    private static let type = "application/x-amz-json-1.1"

    func answer(_ exchange: Exchange) async throws {
        guard exchange.method == .post, exchange.path == "/" else {
            return try await exchange.respond(404, body: Array("<UnknownOperationException/>\n".utf8))
        }
        guard let body = try await exchange.collect(upTo: Self.bodyBytes) else { return try await exchange.respond(413) }
        if exchange.field("Content-Type")?.hasPrefix("application/x-www-form-urlencoded") ?? false {
            return try await securityTokens.answer(exchange, body: body)
        }
        let id = ("x-amzn-RequestId", uuid())
        do {
            let answer = try run(exchange, body)
            try await exchange.respond(200, fields: [id, ("Content-Type", Self.type)], body: answer)
        } catch {
            let refusal =
                switch error {
                case let refusal as APIRefusal: refusal
                case let error as SignatureError: APIRefusal(error)
                default: throw error
                }
            try await exchange.respond(refusal.status, type: Self.type, fields: [id], json: refusal.body)
        }
    }

    private func run(_ exchange: Exchange, _ body: [UInt8]) throws -> [UInt8] {
        if let target = exchange.field("X-Amz-Target"), target.hasPrefix(Self.publicTargetPrefix) {
            return try runPublic(String(target.dropFirst(Self.publicTargetPrefix.count)), exchange, body)
        }
        guard let target = exchange.field("X-Amz-Target"), target.hasPrefix(Self.targetPrefix),
            let operation = ECROperations.Name(rawValue: String(target.dropFirst(Self.targetPrefix.count)))
        else { throw APIRefusal("UnknownOperationException", nil) }
        exchange.kind = operation.rawValue
        let check = SignatureCheck(region: account.region, service: "ecr")
        let caller = try check.caller(of: ReceivedRequest(exchange), body: body, keys: account.keys, now: account.clock.seconds)
        guard let request = try? JSON.decode(ECROperations.Request.self, from: body.isEmpty ? Array("{}".utf8) : body) else {
            throw APIRefusal("SerializationException", nil)
        }
        if account.isAPIDenied {
            let resource = operation == .getAuthorizationToken ? "*" : request.repositoryName.map(account.repositoryARN) ?? "*"
            throw APIRefusal(
                "AccessDeniedException", account.notAuthorized(caller.arn, to: "ecr:\(operation.rawValue)", on: resource))
        }
        return try operations.run(operation, request, by: caller)
    }
}

extension APIService {
    private struct PublicAuthorization: Encodable {
        struct Token: Encodable { var authorizationToken: String, expiresAt: Double }
        var authorizationData: Token
    }

    /// ECR Public's API (ECR 2.2): an object where ECR's own has a list.
    private func runPublic(_ operation: String, _ exchange: Exchange, _ body: [UInt8]) throws -> [UInt8] {
        guard operation == "GetAuthorizationToken" else { throw APIRefusal("UnknownOperationException", nil) }
        exchange.kind = "PublicGetAuthorizationToken"
        let check = SignatureCheck(region: Names.publicRegion, service: "ecr-public")
        let caller = try check.caller(of: ReceivedRequest(exchange), body: body, keys: account.keys, now: account.clock.seconds)
        if account.isAPIDenied {
            throw APIRefusal(
                "AccessDeniedException", account.notAuthorized(caller.arn, to: "ecr-public:GetAuthorizationToken", on: "*"))
        }
        let (token, end) = try account.tokens.issue(to: caller, now: account.clock.seconds)
        return try JSON.bytes(
            of: PublicAuthorization(authorizationData: .init(authorizationToken: token.reveal, expiresAt: Double(end))))
    }
}

extension ReceivedRequest {
    init(_ exchange: Exchange) {
        let head = exchange.request.head
        self.init(
            method: "\(exchange.method.token)", path: exchange.path, query: exchange.rawQuery ?? "",
            fields: head.fields.map {
                (
                    String(decoding: head.bytes[$0.nameRange], as: UTF8.self),
                    String(decoding: head.bytes[$0.valueRange], as: UTF8.self)
                )
            })
    }
}

/// An error of the JSON 1.1 protocol (ECR 3).
struct APIRefusal: Error {
    struct Body: Encodable {
        var type: String
        var message: String?
        enum CodingKeys: String, CodingKey {
            case type = "__type"
            case message
        }
    }

    var status = 400
    var body: Body

    init(_ type: String, _ message: String?, status: Int = 400) {
        (self.status, body) = (status, Body(type: type, message: message))
    }

    init(_ error: SignatureError) {
        switch error {
        case .missing: self.init("MissingAuthenticationTokenException", "Missing Authentication Token")
        case .incomplete(let why): self.init("IncompleteSignatureException", why)
        case .unknownKey: self.init("UnrecognizedClientException", "The security token included in the request is invalid.")
        case .sessionExpired: self.init("ExpiredTokenException", "The security token included in the request is expired")
        case .invalid(let why): self.init("InvalidSignatureException", why)
        }
    }

    static func invalidParameter(_ name: String, _ constraint: String) -> Self {
        .init("InvalidParameterException", "Invalid parameter at '\(name)' failed to satisfy constraint: '\(constraint)'")
    }
}
