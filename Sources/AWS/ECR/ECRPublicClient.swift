import Crypto
import FoundationEssentials
package import Transport

/// The way in to ECR Public (ECR 2.2): its own API gives a token, and the registry's token service a bearer for it, or one for
/// anybody where there are no credentials. From the control loop.
package struct ECRPublicClient: Sendable {
    private let service: JSONService
    private let caller: HTTPClient
    /// The registry's token service, `https://public.ecr.aws/token/`, and where to dial it.
    private let tokens: HTTPClientURL, dial: String?
    /// Without credentials anywhere a bearer for anybody is asked for; off where a source was named.
    private let mayBeAnonymous: Bool

    package init(
        caller: HTTPClient, endpoint: ServiceEndpoint, registry: String, dial: String?, credentials: CredentialKeeper,
        mayBeAnonymous: Bool
    ) {
        service = JSONService(
            service: SignedService(caller: caller, endpoint: endpoint, name: "ecr-public"), credentials: credentials,
            target: "SpencerFrontendService")
        (self.caller, self.dial, self.mayBeAnonymous) = (caller, dial, mayBeAnonymous)
        tokens = HTTPClientURL(scheme: .https, host: registry, path: "/token/", query: "service=\(registry)&scope=aws")
    }

    private static let anonymousLife: TimeInterval = 1200  // seconds

    private struct Nothing: Encodable {}
    private struct Authorization: Decodable {
        struct Entry: Decodable { var authorizationToken: String, expiresAt: Double? }
        var authorizationData: Entry
    }
    private struct Bearer: Decodable { var token: String }

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
        // Anybody's is asked for again soon: credentials that come late, as an instance's may, are then taken up.
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
        let answer: HTTPClientResponse
        do throws(HTTPClientError) { answer = try await caller.call(request) } catch {
            failed.cause = .unreachable(error)
            throw failed
        }
        guard answer.status == 200 else {
            let problem = ServiceProblem(answer)
            failed.cause = .refused(code: problem.code, message: problem.message, status: answer.status)
            throw failed
        }
        if let bearer = try? JSONDecoder().decode(Bearer.self, from: Data(answer.body)).token, FetchedToken.isUsable(bearer) {
            return bearer
        }
        throw failed
    }
}
