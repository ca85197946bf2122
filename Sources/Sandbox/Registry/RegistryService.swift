import Crypto
import HTTP
import HTTPServer

/// `<account>.dkr.ecr.<region>.amazonaws.com` (ECR 1): authenticates requests and passes them to the parts of the registry.
final class RegistryService {
    private let account: Account
    private let format: RegistryFormat
    private let lists: RegistryLists
    private let manifests: RegistryManifests
    private let blobs: RegistryBlobs
    private let uploads: RegistryUploads
    private let publicLogin: PublicLogin
    private var quirks: Quirks { account.quirks }

    init(account: Account) {
        self.account = account
        format = RegistryFormat(account: account)
        lists = RegistryLists(account: account)
        manifests = RegistryManifests(account: account)
        blobs = RegistryBlobs(account: account)
        uploads = RegistryUploads(account: account)
        publicLogin = PublicLogin(account: account)
    }

    func respond(to exchange: Exchange) async throws {
        do {
            let route = RegistryRoute(path: exchange.path)
            let operation = route?.operation(exchange.method)
            exchange.kind = operation?.kind ?? "other"
            // First, as ECR responds alike to every path without credentials (ECR 1.1).
            let arn: String
            if PublicLogin.isPublic(exchange) {
                if exchange.path == "/token/" { return try await publicLogin.respondToTokenRequest(exchange) }
                let isHeadOfBlob = exchange.method == .head && operation?.kind == "blob_head"
                guard let bearer = try await publicLogin.authenticate(exchange, isHeadOfBlob: isHeadOfBlob) else { return }
                arn = bearer
            } else {
                arn = try authenticate(exchange)
            }
            guard let route, let action = operation?.action else { throw UnknownRoute() }
            if account.isRegistryDenied {
                throw RegistryErrorResponse.denied(
                    account.notAuthorized(arn, to: action, on: route.repository.map(account.repositoryARN) ?? "*"))
            }
            try await respond(to: exchange, at: route)
        } catch let errorResponse as RegistryErrorResponse {
            try await respond(to: exchange, with: errorResponse)
        } catch is UnknownRoute {
            try await exchange.respond(
                404, fields: [("Content-Type", "text/plain; charset=utf-8")], body: Array("404 page not found\n".utf8))
        } catch let challenge as Challenge {
            try await exchange.respond(
                401,
                fields: [
                    RegistryFormat.version, ("WWW-Authenticate", challenge.value), ("Content-Type", "text/plain; charset=utf-8"),
                ],
                body: Array("Not Authorized\n".utf8))
        }
    }

    private func respond(to exchange: Exchange, at route: RegistryRoute) async throws {
        switch (route, exchange.method) {
        case (.ping, _): try await exchange.respond(200, fields: format.common(exchange))
        case (.catalog, _): try await lists.catalog(exchange)
        case (.tags(let name), _): try await lists.tags(of: repository(name), exchange)
        case (.referrers(let name, let digest), _): try await lists.referrers(of: repository(name), digest, exchange)
        case (.manifest(let name, let reference), .put):
            try await manifests.put(in: repository(name, forPush: true), reference, exchange)
        case (.manifest(let name, let reference), .delete): try await manifests.delete(in: repository(name), reference, exchange)
        case (.manifest(let name, let reference), _): try await manifests.get(in: repository(name), reference, exchange)
        case (.blob(let name, let digest), .head): try await blobs.head(in: repository(name), digest, exchange)
        case (.blob(let name, let digest), _): try await blobs.get(in: repository(name), digest, exchange)
        case (.newUpload(let name), _):
            if quirks[.missingRepositoryDropped], account.repositories[name] == nil { try exchange.drop() }
            try await uploads.begin(in: repository(name, forPush: true), exchange)
        case (.upload(let name, let id), .patch): try await uploads.append(to: id, in: repository(name), exchange)
        case (.upload(let name, let id), _): try await uploads.complete(id, in: repository(name), exchange)
        }
    }

    // MARK: Authentication (ECR 1.1)

    private struct Challenge: Error { var value: String }

    /// Returns the ARN behind the request's token.
    private func authenticate(_ exchange: Exchange) throws -> String {
        let challenge = Challenge(value: "Basic realm=\"https://\(account.registryHost)/\",service=\"ecr.amazonaws.com\"")
        guard let authorization = exchange.field("Authorization") else { throw challenge }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic" else { throw challenge }
        switch account.tokens.check(String(parts[1]), now: account.clock.seconds) {
        case .good(let claims): return claims.arn
        case .expired:
            account.counters.expiredTokenResponses += 1
            guard quirks[.expiredTokenForbidden] else { throw challenge }
            throw RegistryErrorResponse.denied(
                quirks[.expiredTokenOldText]
                    ? "Your Authorization Token has expired. Please run 'aws ecr get-login' to fetch a new one."
                    : "Your authorization token has expired. Reauthenticate and try again.")
        case .malformed:
            guard quirks[.malformedTokenBadRequest] else { throw challenge }
            throw RegistryErrorResponse(status: 400, code: "DENIED", message: "Your Authorization Token is invalid.")
        }
    }

    private func repository(_ name: String, forPush: Bool = false) throws -> Repository {
        if let repository = account.repositories[name] {
            guard !forPush || !repository.isFull else {
                throw RegistryErrorResponse.denied(
                    "The repository with name '\(name)' has as many images as the sandbox keeps; start another one")
            }
            return repository
        }
        guard forPush, quirks[.createOnPush], !account.repositories.isFull else {
            throw RegistryErrorResponse(status: 404, code: "NAME_UNKNOWN", message: account.noRepository(name))
        }
        return try account.repositories.create(RepositoryAttributes(name: name, createdAt: account.clock.now))
    }

    private func respond(to exchange: Exchange, with errorResponse: RegistryErrorResponse) async throws {
        try await exchange.respond(
            errorResponse.status, fields: format.common(exchange) + [("Content-Type", "application/json; charset=utf-8")],
            body: errorResponse.body)
    }
}
