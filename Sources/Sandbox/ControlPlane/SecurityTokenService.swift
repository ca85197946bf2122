import Crypto
import HTTP

/// STS (ECR 4.3). Requests are forms, responses are XML.
final class SecurityTokenService {
    private static let namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
    private static let durations = 900...43_200, durationDefault = 3600

    private struct ErrorResponse: Error {
        var status: Int
        var code, message: String
    }

    private let account: Account

    init(account: Account) { self.account = account }

    func respond(to exchange: Exchange, body: [UInt8]) async throws {
        let id = UUIDText.random()
        let type = ("Content-Type", "text/xml"), requestID = ("x-amzn-RequestId", id)
        do {
            let form = Dictionary(
                QueryPairs.split(String(decoding: body, as: UTF8.self))
                    .map { ($0, PercentEncoding.decode($1, plusIsSpace: true)) }, uniquingKeysWith: { first, _ in first })
            let action = form["Action"] ?? ""
            let result = try run(action, form, exchange, body)
            let text =
                "<\(action)Response xmlns=\"\(Self.namespace)\"><\(action)Result>\(result)</\(action)Result>"
                + "<ResponseMetadata><RequestId>\(id)</RequestId></ResponseMetadata></\(action)Response>"
            try await exchange.respond(200, fields: [type, requestID], body: Array(text.utf8))
        } catch {
            let errorResponse =
                switch error {
                case let errorResponse as ErrorResponse: errorResponse
                case let error as SignatureError: Self.errorResponse(error)
                default: throw error
                }
            let text =
                "<ErrorResponse xmlns=\"\(Self.namespace)\"><Error><Type>Sender</Type><Code>\(errorResponse.code)</Code>"
                + "<Message>\(XML.escape(errorResponse.message))</Message></Error><RequestId>\(id)</RequestId></ErrorResponse>"
            try await exchange.respond(errorResponse.status, fields: [type, requestID], body: Array(text.utf8))
        }
    }

    private func run(_ action: String, _ form: [String: String], _ exchange: Exchange, _ body: [UInt8]) throws -> String {
        switch action {
        case "AssumeRoleWithWebIdentity":
            // Unsigned: the identity token is the credential.
            exchange.kind = action
            guard let token = form["WebIdentityToken"], token.split(separator: ".", omittingEmptySubsequences: false).count == 3
            else {
                throw ErrorResponse(
                    status: 400, code: "InvalidIdentityToken",
                    message: "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
            }
            let rest =
                "<SubjectFromWebIdentityToken>sandbox</SubjectFromWebIdentityToken><Audience>sts.amazonaws.com</Audience><Provider>arn:aws:iam::\(account.id):oidc-provider/sandbox</Provider>"
            return try session(form, action: action, by: "arn:aws:iam::\(account.id):oidc-provider/sandbox") + rest
        case "AssumeRole":
            exchange.kind = action
            let caller = try signer(of: exchange, body)
            return try session(form, action: action, by: caller.arn)
        case "GetCallerIdentity":
            exchange.kind = action
            let caller = try signer(of: exchange, body)
            return "<Arn>\(XML.escape(caller.arn))</Arn><UserId>\(caller.userID)</UserId><Account>\(account.id)</Account>"
        default:
            throw ErrorResponse(
                status: 400, code: "InvalidAction", message: "Could not find operation \(action.prefix(100)) for version 2011-06-15"
            )
        }
    }

    private func signer(of exchange: Exchange, _ body: [UInt8]) throws(SignatureError) -> Caller {
        let check = SignatureCheck(region: account.region, service: "sts")
        return try check.caller(of: ReceivedRequest(exchange), body: body, keys: account.keys, now: account.clock.seconds)
    }

    private func session(_ form: [String: String], action: String, by arn: String) throws -> String {
        let parts = (form["RoleArn"] ?? "").split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[5].hasPrefix("role/"),
            let role = parts[5].split(separator: "/").last
        else {
            throw ErrorResponse(status: 400, code: "ValidationError", message: "\(form["RoleArn"] ?? "") is invalid")
        }
        guard let name = form["RoleSessionName"], (2...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "_+=,.@-".utf8.contains($0) })
        else {
            throw ErrorResponse(
                status: 400, code: "ValidationError",
                message: "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint")
        }
        let duration = form["DurationSeconds"].map { Int($0) ?? 0 } ?? Self.durationDefault
        guard Self.durations.contains(duration) else {
            throw ErrorResponse(
                status: 400, code: "ValidationError",
                message:
                    "1 validation error detected: Value '\(duration)' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200"
            )
        }
        if account.isAPIDenied {
            throw ErrorResponse(
                status: 403, code: "AccessDenied",
                message: "User: \(arn) is not authorized to perform: sts:\(action) on resource: \(form["RoleArn"] ?? "")")
        }
        let id = "AROA" + SigningKeys.randomText(16, from: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let assumed = Caller(arn: "arn:aws:sts::\(parts[4]):assumed-role/\(role)/\(name)", userID: "\(id):\(name)")
        let keys = SigningKeys.make(sessionUntil: account.clock.seconds + duration, caller: assumed)
        account.keys.add(session: keys)
        let (token, expiration) = keys.session.map { ($0.token.reveal, $0.expiration) } ?? ("", 0)
        return
            "<AssumedRoleUser><Arn>\(XML.escape(assumed.arn))</Arn><AssumedRoleId>\(assumed.userID)</AssumedRoleId></AssumedRoleUser>"
            + "<Credentials><AccessKeyId>\(keys.accessKeyID)</AccessKeyId><SecretAccessKey>\(keys.secret.reveal)</SecretAccessKey>"
            + "<SessionToken>\(token)</SessionToken><Expiration>\(Moment.extended(expiration))</Expiration></Credentials>"
    }

    private static func errorResponse(_ error: SignatureError) -> ErrorResponse {
        switch error {
        case .missing:
            ErrorResponse(status: 403, code: "MissingAuthenticationToken", message: "Request is missing Authentication Token")
        case .incomplete(let why): ErrorResponse(status: 400, code: "IncompleteSignature", message: why)
        case .unknownKey:
            ErrorResponse(
                status: 403, code: "InvalidClientTokenId", message: "The security token included in the request is invalid.")
        case .sessionExpired:
            ErrorResponse(status: 403, code: "ExpiredToken", message: "The security token included in the request is expired")
        case .invalid(let why): ErrorResponse(status: 403, code: "SignatureDoesNotMatch", message: why)
        }
    }
}
