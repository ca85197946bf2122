import Telemetry
import Access
import HTTP
import HTTPServer
import Registry
import Transport

/// A request and its answer, from the head to the log line. What happens to it reads from top to bottom (design section 3).
final class Exchange {
    let request: Request
    let bench: Bench
    var record: ExchangeRecord
    /// The head of the answer has gone out: what fails from here on can only end the connection.
    var hasAnswered = false

    init(_ request: Request, on bench: Bench, listener: Int) {
        self.request = request
        self.bench = bench
        record = ExchangeRecord(request, requestID: bench.nextRequestID(), listener: listener)
    }

    func run() async {
        bench.metrics.exchangesInFlight(add: 1)
        do {
            try await answer()
        } catch let refusal as Refusal {
            await refuse(refusal)
        } catch let error as RelayError {
            await end(error)
        } catch {
            await end(RelayError(side: .client, cause: error))
        }
        bench.metrics.exchangesInFlight(add: -1)
        record.countBytes(of: request)
        bench.finish(record, of: request.head)
    }

    // MARK: The life of a request

    private func answer() async throws {
        let site = bench.site()
        let door = site.doors[record.listener]
        // Two readers could take different ones (RFC 9110 5.3).
        guard request.head.count(of: .authorization) < 2 else {
            throw Refusal(.unsupported, "A request has one Authorization field at most.", status: 400)
        }
        if door.trusts(record.client) { record.believe(ProxiedClient(request.head, trusted: door.trustedProxies)) }
        if site.users.anonymous != nil, TokenService.isAsked(request.head.target) { return try await answerTokenRequest(site) }
        var call = try Call(request.head)
        record.operation = call.operation
        let principal = try await authenticate(site)
        record.principal = principal
        let place = place(of: call)
        guard call.isAllowed(to: principal, at: place) else {
            // Who has not logged in may be somebody who is allowed.
            guard principal !== site.users.anonymous else { throw Refusal.loginNeeded(challenge(site)) }
            let repository = call.endpoint.repository.map { " in '\($0)'" } ?? ""
            throw Refusal(
                .denied,
                "The user '\(principal.name)' may not \(call.operation.phrase)\(repository); ask the gateway's operator for access."
            )
        }
        if case .ping = call.endpoint {
            // A 200 would tell docker that no login is ever needed.
            guard request.head.value(of: .authorization) != nil else { throw Refusal.loginNeeded(challenge(site)) }
            return try await answerPing()
        }
        if case .catalog = call.endpoint { return try await Listing(self, call: call, site: site).answerCatalog(to: principal) }
        guard let route = site.router.route(at: place, repository: call.endpoint.repository) else {
            throw Refusal(.nameUnknown, "No route of this gateway leads to this repository.")
        }
        record.upstream = route.upstream
        let forwarding = Forwarding(self, call: call, route: route, site: site)
        switch (call.endpoint, route.upstreamRepository) {
        case (.tags(let repository), let there?):
            try await Listing(self, call: call, site: site).answerTags(by: forwarding, of: repository, upstreamRepository: there)
        case (.referrers(_, let digest), let there?): try await forwarding.answerReferrers(of: digest, in: there)
        default: try await forwarding.run()
        }
    }

    /// Where the client asks: what routes and rules go by.
    func place(of call: Call) -> Place { Place(host: record.host, namespace: call.namespace) }

    /// - Parameter isTokenRequest: a bearer challenge would lead here again.
    private func authenticate(_ site: Site, isTokenRequest: Bool = false) async throws -> Principal {
        func challenge() -> Challenge { isTokenRequest ? .basic : self.challenge(site) }
        let failure: LoginFailure
        let refusal: Refusal
        switch await bench.login(request.head.value(of: .authorization), from: record.client, site: site) {
        case .principal(let principal): return principal
        case .missing:
            failure = .missing
            refusal = Refusal.loginNeeded(challenge())
        case .invalid(.busy):
            failure = .busy
            refusal = Refusal(.unavailable, "Too many logins are being checked; try again in a moment.", retryAfter: 1)
        case .invalid(.invalidToken):
            failure = .invalidToken
            refusal = Refusal(
                .unauthorized, "The token has ended, or is not one of this gateway's; ask for another.", challenge: challenge())
        case .invalid(let reason):
            failure = reason
            refusal = Refusal(.unauthorized, "The user name or the password is wrong.", challenge: challenge())
        case .throttled(let seconds):
            failure = .throttled
            refusal = Refusal(
                .tooManyRequests, "Too many failed logins of this user, or of all users, from this address; try again later.",
                retryAfter: seconds)
        }
        record.triedUser = request.head.value(of: .authorization).flatMap { BasicCredentials(field: $0)?.user }
        bench.loginFailed(failure)
        throw refusal
    }

    private func challenge(_ site: Site) -> Challenge {
        guard site.users.anonymous != nil else { return .basic }
        let door = site.doors[record.listener]
        if !door.publicURL.isEmpty {
            return .bearer(realm: String(decoding: door.publicURL, as: UTF8.self) + "\(TokenService.path)")
        }
        // It has been made sure that it is a host and nothing else. HTTP/1.0 may leave it out.
        guard let host = record.host else { return .basic }
        let isHTTPS = record.isHTTPS ?? (door.tls != nil)
        return .bearer(realm: "\(isHTTPS ? "https" : "http")://\(String(decoding: host, as: UTF8.self))\(TokenService.path)")
    }

    private func answerTokenRequest(_ site: Site) async throws {
        record.operation = .ping
        guard request.method == .get else { throw Refusal(.unsupported, "The methods here are GET.", allow: "GET") }
        // Or a token would be good for the next one, and never end.
        guard request.head.value(of: .authorization)?.isBearer != true else {
            bench.loginFailed(.invalidToken)
            throw Refusal(.unauthorized, "A token is given for a login, not for another token.", challenge: .basic)
        }
        let principal = try await authenticate(site, isTokenRequest: true)
        record.principal = principal
        try await respond(
            200, fields: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: TokenService.body(site.users.token(for: principal, now: TokenService.now)))
    }

    /// The specification's check for the API, and docker's login. Berth answers it itself: a login says nothing of the upstream.
    private func answerPing() async throws {
        try await respond(
            200, fields: [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")],
            body: Array("{}".utf8))
    }

    // MARK: Answers of Berth's own

    func respond(_ status: Int, fields: [(String, String)], body: [UInt8] = []) async throws {
        hasAnswered = true
        record.status = status
        try await request.respond(status, fields: fields + [("Berth-Request-Id", record.requestIDText)], body: body)
    }

    private func refuse(_ refusal: Refusal) async {
        record.reason = record.reason ?? refusal.error.message
        guard !request.connection.isAbandoned else { return record.end = "drained" }
        guard !hasAnswered else { return request.abort() }
        do {
            try await respond(
                refusal.error.status, fields: refusal.fields, body: refusal.error.json(requestID: record.requestIDText))
        } catch {
            record.end = "client_gone"
            request.abort()
        }
    }

    /// An end that is not an answer. Before the head has gone out it can still become one.
    private func end(_ error: RelayError) async {
        record.reason = "\(error.cause)"
        guard !request.connection.isAbandoned else { return record.end = "drained" }
        switch (error.side, error.isStall) {
        case (.client, true): record.end = "client_stalled"
        case (.client, false): record.end = "client_gone"
        case (.upstream, true): record.end = "upstream_stalled"
        case (.upstream, false): record.end = "upstream_failed"
        }
        guard !hasAnswered else { return request.abort() }
        request.closeAfterResponse()
        if let head = error.cause as? HeadError, error.side == .client {
            await refuse(Refusal(.sizeInvalid, "\(head.reason)", status: head.status))
        } else if error.side == .client {
            request.abort()
        } else if error.isStall {
            await refuse(Refusal(.unavailable, "The upstream registry did not answer in time.", status: 504, retryAfter: 5))
        } else {
            await refuse(Refusal(.unavailable, "The upstream registry broke off before it answered.", status: 502, retryAfter: 1))
        }
    }
}
