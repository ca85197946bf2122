import Crypto
import FoundationEssentials
package import Transport

/// Fetches tokens for ECR Public, from the control loop (ECR 2.2). Its API gives a token, which the registry's token service exchanges for a
/// bearer token. Without credentials, the token service gives an anonymous one.
package struct ECRPublicClient: Sendable {
    private let service: JSONService
    private let httpClient: HTTPClient
    /// The registry's token service, `https://public.ecr.aws/token/`, and the `host:port` to connect to instead.
    private let tokens: HTTPClientURL, dial: String?
    /// Whether an anonymous bearer token is requested when there are no credentials. False where the configuration names a source.
    private let mayBeAnonymous: Bool

    /// - Parameters:
    ///   - endpoint: of ECR Public's API.
    ///   - registry: `public.ecr.aws`
    ///   - dial: `host:port` to connect to instead of the registry's token service; nil: its own.
    ///   - mayBeAnonymous: whether an anonymous token is requested when there are no credentials.
    ///   - throttled: called for each response that limits the rate of calls.
    package init(
        httpClient: HTTPClient, endpoint: ServiceEndpoint, registry: String, dial: String?, credentials: CredentialKeeper,
        mayBeAnonymous: Bool, throttled: @escaping @Sendable () -> Void = {}
    ) {
        service = JSONService(
            service: SignedService(httpClient: httpClient, endpoint: endpoint, name: "ecr-public", throttled: throttled),
            credentials: credentials,
            target: "SpencerFrontendService")
        (self.httpClient, self.dial, self.mayBeAnonymous) = (httpClient, dial, mayBeAnonymous)
        tokens = HTTPClientURL(scheme: .https, host: registry, path: "/token/", query: "service=\(registry)&scope=aws")
    }

    /// Seconds. Short, so that credentials that come later, as an instance's may, are used soon.
    private static let anonymousLife: TimeInterval = 1200

    private struct Nothing: Encodable {}
    private struct Authorization: Decodable {
        struct Entry: Decodable { var authorizationToken: String, expiresAt: Double? }
        var authorizationData: Entry
    }
    private struct Bearer: Decodable { var token: String }

    /// Fetches a bearer token for the registry.
    package func authorizationToken() async throws(AWSError) -> FetchedToken {
        var fetched: Authorization.Entry?
        do throws(AWSError) {
            let body = try await service.call("GetAuthorizationToken", Nothing())
            fetched = try? JSONDecoder().decode(Authorization.self, from: Data(body)).authorizationData
            guard let token = fetched?.authorizationToken, FetchedToken.isUsable(token) else {
                throw service.malformed("GetAuthorizationToken", "no authorizationData")
            }
        } catch {
            guard mayBeAnonymous, case .credentials(let reason) = error.cause, reason.isAbsence else { throw error }
        }
        let bearer = try await bearer(for: fetched?.authorizationToken)
        let end =
            fetched == nil
            ? service.service.now().addingTimeInterval(Self.anonymousLife)
            : fetched?.expiresAt.map { Date(timeIntervalSince1970: $0 - Double(service.service.clock.seconds)) }
        return FetchedToken(authorizationToken: Secret(bearer), expiresAt: end, scheme: .bearer)
    }

    private func bearer(for token: String?) async throws(AWSError) -> String {
        var request = HTTPClientRequest("ecr-public:token", url: tokens)
        request.dial = dial
        if let token { request.fields = [("Authorization", "Basic \(token)")] }
        var failed = AWSError(operation: "ecr-public:token", host: tokens.hostField, cause: .malformed("no token"))
        let response: HTTPClientResponse
        do throws(HTTPClientError) { response = try await httpClient.call(request) } catch {
            failed.cause = .unreachable(error)
            throw failed
        }
        guard response.status == 200 else {
            let problem = ServiceProblem(response)
            failed.cause = .errorResponse(code: problem.code, message: problem.message, status: response.status)
            throw failed
        }
        if let bearer = try? JSONDecoder().decode(Bearer.self, from: Data(response.body)).token, FetchedToken.isUsable(bearer) {
            return bearer
        }
        throw failed
    }
}
