import Access
import Cache
import Configuration
import HTTP
import HTTPServer
import Registry
import Telemetry
import Transport

/// A request and its response, from the head to the log line. What happens to it reads from top to bottom.
struct Exchange {
    private let services: WorkerServices
    private let snapshot: ConfigurationSnapshot
    private let downstream: Downstream
    private let writer: ResponseWriter
    private let last: LastRequest

    private var request: Request { writer.client.request }
    private var record: ExchangeRecord { writer.record }

    /// - Parameters:
    ///   - snapshot: the configuration as last published.
    ///   - last: of the request's connection.
    init(
        _ request: Request, from downstream: Downstream, record: ExchangeRecord, on services: WorkerServices,
        _ snapshot: ConfigurationSnapshot, last: LastRequest
    ) {
        (self.downstream, self.last, self.services, self.snapshot) = (downstream, last, services, snapshot)
        if downstream.isProxied { record.setClient(downstream.client) }
        writer = ResponseWriter(
            ClientSide(request: request, stallTimeout: snapshot.timeouts.stall), record: record, worker: services.upstreams)
    }

    func run() async {
        services.metrics.exchangesInFlight(add: 1)
        do { try await handle() } catch { await end(with: error) }
        services.metrics.exchangesInFlight(add: -1)
        record.countBytes(of: request)
        services.finish(record, of: request.head, last: last)
    }

    // MARK: The life of a request

    private func handle() async throws {
        // Two readers could take different ones (RFC 9110 5.3).
        guard request.head.count(of: .authorization) < 2 else {
            throw ErrorResponse(.unsupported, "A request has one Authorization field at most.", status: 400)
        }
        if snapshot.users.anonymous != nil, TokenService.serves(request.head.target) { return try await giveToken() }
        let parsed = try RegistryRequest(request.head, host: downstream.host)
        record.operation = parsed.operation
        let principal = if let provenPrincipal { provenPrincipal } else { try await authenticate(challenge) }
        guard principal.may(parsed) else { throw denial(of: parsed, to: principal) }
        let request = parsed.withMountAllowed(to: principal)
        switch request.endpoint {
        case .ping: try await ping()
        case .catalog: try await catalog(request, principal)
        case .tags, .referrers, .manifest, .blob, .uploads, .upload: try await serve(try forwarder(request, principal), principal)
        }
    }

    /// A request for a repository. A read goes from registry to registry until one can serve it.
    private func serve(_ first: Forwarder, _ principal: Principal) async throws {
        var forwarder = first
        let cache = snapshot.cache.flatMap { CacheAccess($0, first, principal) }
        while true {
            do {
                switch forwarder.request.endpoint {
                case .tags: try await TagsHandler(forwarder, lists: services.lists).handle()
                case .referrers(_, let digest): try await ReferrersHandler(forwarder, digest: digest).handle()
                case .manifest(_, let reference):
                    try await ManifestHandler(
                        forwarder, reference: reference, digests: services.digests, reads: services.reads,
                        questions: services.questions, cache: cache
                    ).handle()
                case .blob(_, let digest):
                    var handler = BlobHandler(forwarder, digest: digest, connectTo: snapshot.connectTo, cache: cache)
                    try await handler.handle()
                case .uploads, .upload: try await UploadHandler(forwarder).handle()
                case .ping, .catalog: break  // which are of no repository
                }
                return
            } catch {
                do {
                    guard let next = try forwarder.elsewhere(after: error) else { throw error }
                    forwarder = next
                } catch {
                    guard let cache, try await StaleContent(cache, forwarder).serve(after: error) else { throw error }
                    return
                }
            }
        }
    }

    private func forwarder(_ request: RegistryRequest, _ principal: Principal) throws(ErrorResponse) -> Forwarder {
        guard let route = snapshot.router.route(request) else {
            throw ErrorResponse(.nameUnknown, "No route of this gateway leads to this repository.")
        }
        record.upstream = route.upstream.name
        record.repository = route.repository
        guard !services.sheds(record, on: writer.client.stream.loop) else {
            route.upstream.metrics.delayed()
            throw ErrorResponse.shed("The gateway is busy; try again later.", retryAfter: .random(in: 2...6))
        }
        guard route.upstream.fallbacks.isEmpty else { return forwarder(request, principal, with: route) }
        return Forwarder(request, route: route, downstream: downstream, registry: registry(route.upstream), writer: writer)
    }

    /// To an upstream with fallbacks. Apart, since most have none.
    @inline(never)
    private func forwarder(_ request: RegistryRequest, _ principal: Principal, with route: Route) -> Forwarder {
        let client = registry(route.upstream)
        guard let failover = Failover(client, for: request.operation, mayPush: principal.mayPush(to: request))
        else { return Forwarder(request, route: route, downstream: downstream, registry: client, writer: writer) }
        return Forwarder(
            request, route: route.to(failover.registry), downstream: downstream, registry: failover.client(client), writer: writer,
            failover: failover)
    }

    private func registry(_ upstream: Upstream) -> RegistryClient {
        RegistryClient(
            upstream: upstream, worker: services.upstreams, timeouts: snapshot.timeouts, record: record,
            requester: .client(request.connection))
    }

    private func catalog(_ request: RegistryRequest, _ principal: Principal) async throws {
        try await CatalogHandler(
            request: request, principal: principal, router: snapshot.router, downstream: downstream, writer: writer, record: record,
            registry: registry
        ).handle()
    }

    /// The specification's check for the API, and docker's login. Berth responds itself: a login says nothing about the upstream.
    private func ping() async throws {
        // A 200 without a login would tell docker that none is ever needed.
        guard request.head.value(of: .authorization) != nil else { throw ErrorResponse.loginRequired(challenge) }
        try await writer.respond(200, fields: ErrorResponse.jsonFields, body: Array("{}".utf8))
    }

    // MARK: Logins

    private var challenge: Challenge { Challenge(for: downstream, allowsAnonymous: snapshot.users.anonymous != nil) }

    /// The principal of the connection's request before, if this one has the same credentials; nil: `authenticate` tells. Apart from it, since most
    /// requests wait for nothing here. Neither is inlined: what is of a size that the compiler does not know, such as an instant, is allocated whenever
    /// an async function that has it is called.
    @inline(never)
    private var provenPrincipal: Principal? {
        guard
            let principal = services.authenticator.principal(
                like: last, request.head.value(of: .authorization), in: snapshot.users, now: request.stream.loop.roundStart)
        else { return nil }
        record.user = principal.name
        return principal
    }

    /// - Parameter challenge: for a client whose login fails.
    @inline(never)
    private func authenticate(_ challenge: @autoclosure () -> Challenge) async throws -> Principal {
        let field = request.head.value(of: .authorization)
        let failure: LoginFailure
        var retryAfter: Int?
        switch await services.authenticator.login(field, from: downstream.client, in: snapshot.users, last: last) {
        case .principal(let principal):
            record.user = principal.name
            return principal
        case .missing: failure = .missing
        case .invalid(let reason): failure = reason
        case .throttled(let seconds): (failure, retryAfter) = (.throttled, seconds)
        }
        record.triedUser = field.flatMap { BasicCredentials(field: $0)?.user }
        services.metrics.loginFailed(reason: failure.index)
        throw failure.response(challenge(), retryAfter: retryAfter)
    }

    private func denial(of request: RegistryRequest, to principal: Principal) -> ErrorResponse {
        // A client without a login may be somebody who is allowed.
        guard principal !== snapshot.users.anonymous else { return .loginRequired(challenge) }
        let repository = request.endpoint.repository.map { " in '\($0)'" } ?? ""
        return ErrorResponse(
            .denied,
            "The user '\(principal.name)' may not \(request.operation.phrase)\(repository); ask the gateway's operator for access.")
    }

    private func giveToken() async throws {
        record.operation = .ping
        guard request.method == .get else { throw ErrorResponse(.unsupported, "The methods here are GET.", allow: "GET") }
        // Otherwise one token would give the next, and access would never end.
        guard request.head.value(of: .authorization)?.isBearer != true else {
            services.metrics.loginFailed(reason: LoginFailure.invalidToken.index)
            throw ErrorResponse(.unauthorized, "A token is given for a login, not for another token.", challenge: .basic)
        }
        // A bearer challenge would lead here again.
        let principal = if let provenPrincipal { provenPrincipal } else { try await authenticate(.basic) }
        try await writer.respond(
            200, fields: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: TokenService.body(snapshot.users.token(for: principal, now: TokenService.now)))
    }

    // MARK: Failures

    private func end(with error: any Error) async {
        guard let response = error as? ErrorResponse else {
            return await end(after: error as? ConnectionFailure ?? ConnectionFailure(.client, error))
        }
        record.addReason(response.error.message)
        if response.isShed { record.end = "shed" }
        await respond(with: response)
    }

    /// Before the response has started, an upstream's failure can still become one.
    private func end(after failure: ConnectionFailure) async {
        record.reason = "\(failure.cause)"
        record.end = failure.end
        if !writer.hasStarted { request.closeAfterResponse() }
        switch failure.side {
        case .client:
            // A body that is not HTTP gets a response; there is nobody to respond to otherwise.
            guard let error = failure.cause as? HeadError else { return abort() }
            await respond(with: ErrorResponse(.sizeInvalid, "\(error.reason)", status: error.status))
        case .upstream where failure.unreachable != nil:
            let name = failure.unreachable == .registry ? "upstream registry" : "blob's storage"
            await respond(
                with: ErrorResponse(
                    .unavailable, "The \(name) cannot be reached.", status: failure.isStall ? 504 : 502, retryAfter: 5))
        case .upstream where failure.isStall:
            await respond(
                with: ErrorResponse(
                    .unavailable, "The upstream registry did not respond in time.", status: 504, retryAfter: 5))
        case .upstream:
            await respond(with: .badGateway("The upstream registry broke off before it responded.", retryAfter: 1))
        }
    }

    private func respond(with response: ErrorResponse) async {
        guard !writer.hasStarted, !request.connection.isAbandoned else { return abort() }
        do { try await writer.respond(with: response) } catch {
            record.end = "client_gone"
            request.abort()
        }
    }

    /// The client cannot take what it has for a whole response.
    private func abort() {
        guard !request.connection.isAbandoned else { return record.end = "drained" }
        request.abort()
    }
}
