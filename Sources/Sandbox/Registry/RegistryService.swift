import HTTPServer
import Crypto
import HTTP

/// `<account>.dkr.ecr.<region>.amazonaws.com` (ECR 1). Its halves are in `RegistryBlobs`, `RegistryUploads`,
/// `RegistryManifests` and `RegistryLists`.
final class RegistryService {
    let account: Account
    var quirks: Quirks { account.quirks }
    /// When the last manifests were put, for `put_image_rate`.
    var recentPuts: [Double] = []

    init(account: Account) { self.account = account }

    static let version = ("Docker-Distribution-Api-Version", "registry/2.0")

    func answer(_ exchange: Exchange) async throws {
        do {
            let route = RegistryRoute(path: exchange.path)
            let operation = route?.operation(exchange.method)
            exchange.kind = operation?.kind ?? "other"
            // Before anything else: without a login no path is told from another (ECR 1.1).
            let arn: String
            if Self.isPublic(exchange) {
                if exchange.path == "/token/" { return try await answerTokenRequest(exchange) }
                let isHeadOfBlob = exchange.method == .head && operation?.kind == "blob_head"
                guard let bearer = try await authenticatePublicly(exchange, isHeadOfBlob: isHeadOfBlob) else { return }
                arn = bearer
            } else {
                arn = try authenticate(exchange)
            }
            guard let route, let action = operation?.action else { throw RouteUnknown() }
            if account.isRegistryDenied {
                throw RegistryRefusal.denied(
                    account.notAuthorized(arn, to: action, on: route.repository.map(account.repositoryARN) ?? "*"))
            }
            try await answer(route, exchange)
        } catch let refusal as RegistryRefusal {
            try await refuse(exchange, refusal)
        } catch is RouteUnknown {
            try await exchange.respond(
                404, fields: [("Content-Type", "text/plain; charset=utf-8")], body: Array("404 page not found\n".utf8))
        } catch let challenge as Challenge {
            try await exchange.respond(
                401, fields: [Self.version, ("WWW-Authenticate", challenge.value), ("Content-Type", "text/plain; charset=utf-8")],
                body: Array("Not Authorized\n".utf8))
        }
    }

    private func answer(_ route: RegistryRoute, _ exchange: Exchange) async throws {
        switch (route, exchange.method) {
        case (.ping, _): try await exchange.respond(200, fields: common(exchange))
        case (.catalog, _): try await listRepositories(exchange)
        case (.tags(let name), _): try await listTags(of: repository(name), exchange)
        case (.referrers(let name, let digest), _): try await listReferrers(of: repository(name), digest, exchange)
        case (.manifest(let name, let reference), .put):
            try await putManifest(in: repository(name, forPush: true), reference, exchange)
        case (.manifest(let name, let reference), .delete): try await deleteManifest(in: repository(name), reference, exchange)
        case (.manifest(let name, let reference), _): try await getManifest(in: repository(name), reference, exchange)
        case (.blob(let name, let digest), .head): try await headBlob(in: repository(name), digest, exchange)
        case (.blob(let name, let digest), _): try await getBlob(in: repository(name), digest, exchange)
        case (.newUpload(let name), _):
            if quirks[.missingRepositoryDropped], account.repositories[name] == nil { try exchange.drop() }
            try await beginUpload(in: repository(name, forPush: true), exchange)
        case (.upload(let name, let id), .patch): try await appendToUpload(id, in: repository(name), exchange)
        case (.upload(let name, let id), _): try await completeUpload(id, in: repository(name), exchange)
        }
    }

    // MARK: The login (ECR 1.1)

    private struct Challenge: Error { var value: String }

    /// Whose token the request carries.
    private func authenticate(_ exchange: Exchange) throws -> String {
        let challenge = Challenge(value: "Basic realm=\"https://\(account.registryHost)/\",service=\"ecr.amazonaws.com\"")
        guard let authorization = exchange.field("Authorization") else { throw challenge }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic" else { throw challenge }
        switch account.tokens.check(String(parts[1]), now: account.clock.seconds) {
        case .good(let claims): return claims.arn
        case .expired:
            account.counters.expiredTokenAnswers += 1
            guard quirks[.expiredTokenForbidden] else { throw challenge }
            throw RegistryRefusal.denied(
                quirks[.expiredTokenOldText]
                    ? "Your Authorization Token has expired. Please run 'aws ecr get-login' to fetch a new one."
                    : "Your authorization token has expired. Reauthenticate and try again.")
        case .malformed:
            guard quirks[.malformedTokenBadRequest] else { throw challenge }
            throw RegistryRefusal(status: 400, code: "DENIED", message: "Your Authorization Token is invalid.")
        }
    }

    // MARK: What the halves share

    private func repository(_ name: String, forPush: Bool = false) throws -> Repository {
        if let repository = account.repositories[name] {
            guard !forPush || !repository.isFull else {
                throw RegistryRefusal.denied(
                    "The repository with name '\(name)' has as many images as the sandbox keeps; start another one")
            }
            return repository
        }
        guard forPush, quirks[.createOnPush], !account.repositories.isFull else {
            throw RegistryRefusal(status: 404, code: "NAME_UNKNOWN", message: account.noRepository(name))
        }
        return try account.repositories.create(RepositoryAttributes(name: name, createdAt: account.clock.now))
    }

    func digest(_ text: String, parameter: String) throws -> ContentDigest {
        guard let digest = ContentDigest(text) else {
            throw RegistryRefusal.invalidParameter(
                parameter, "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'", account: account)
        }
        return digest
    }

    /// Fields of every answer.
    func common(_ exchange: Exchange) -> [(String, String)] {
        [Self.version] + (exchange.request.keepsAlive ? [("Connection", "keep-alive")] : [])
    }

    /// Absolute by the `Host` that the client sent, whatever it was (ECR 1.5).
    func url(_ path: String, _ exchange: Exchange, absolute: Bool) -> String {
        absolute ? "https://\(exchange.field("Host") ?? account.registryHost)\(path)" : path
    }

    func refuse(_ exchange: Exchange, _ refusal: RegistryRefusal) async throws {
        try await exchange.respond(
            refusal.status, fields: common(exchange) + [("Content-Type", "application/json; charset=utf-8")], body: refusal.body)
    }
}
