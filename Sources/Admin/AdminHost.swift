import FoundationEssentials
import HTTP
import HTTPServer
package import Transport

/// The admin listener, on the control loop: health, metrics, and an API and page for operators. Reading needs no login. By default it is bound to
/// loopback; changes are restricted by `WriteRule`.
package actor AdminHost: ConnectionHost {
    /// The control loop.
    package nonisolated let loop: EventLoop
    /// Runs the actor on `loop`.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let sources: AdminSources
    private let state: GatewayState
    private let feed = EventFeed()
    private var isFeeding = false
    private var connections = AdminConnections()
    private var writes = 0, lists = 0

    /// Changes in progress. A refresh may wait for 20 s, and must not take the connections that probes need.
    private static let maxWrites = 8
    /// Lists that are being made or sent.
    private static let maxLists = 4
    /// Bytes of a request's body.
    private static let maxBody = 1024

    /// - Parameter loop: the control loop.
    package init(loop: EventLoop, sources: AdminSources) {
        (self.loop, self.sources, state) = (loop, sources, GatewayState(sources))
    }

    /// The number of the listener in use.
    private var listener = 0

    /// Clients send one request and leave, so the timeouts are short.
    private static let settings = {
        var settings = ServerSettings()
        let patience = Duration.seconds(5)
        (settings.idleTimeout, settings.headTimeout, settings.stallTimeout) = (patience, patience, patience)
        return settings
    }()

    /// Serves a connection until it ends, or closes it when there are too many.
    package func serve(_ socket: AcceptedSocket) async {
        guard connections.makeRoom(for: socket.peer) else { return socket.close() }
        let connection = ServerConnection(socket, on: loop, settings: Self.settings)
        connections.add(connection)
        while let request = await connection.nextRequest() {
            connections.setIdle(connection, false)
            do { try await respond(to: request, at: socket.listener) } catch { request.abort() }
            connections.setIdle(connection, true)
            if socket.listener != listener { connection.drain() }
        }
        connections.remove(connection)
    }

    /// How many clients listen to events now.
    var listeners: Int { feed.listeners }

    /// Ends the streams of events, each with a last event. Waits for slow listeners, but not long.
    package func end() async {
        feed.end()
        for _ in 0..<50 where feed.listeners > 0 { await loop.sleep(for: .milliseconds(20)) }
    }

    /// The admin listener has moved to another address. Connections to the former one end after their next exchange, or when they have been idle.
    package func moved(to listener: Int) { self.listener = listener }

    private func respond(to request: Request, at listener: Int) async throws {
        guard HostRule.allows(request.field("Host"), from: request.connection.peer) else {
            return try await AdminResponse.message("Use localhost or an IP address as the host.", status: 421).send(to: request)
        }
        guard let path = AdminPath(request.path) else {
            return try await AdminResponse.message("There is nothing at \(request.path).", status: 404).send(to: request)
        }
        guard path.methods.contains(request.method) else {
            let allowed = path.methods.map { "\($0.token)" }
            return try await AdminResponse.message(
                "Only \(allowed.joined(separator: " and ")) \(allowed.count == 1 ? "is" : "are") allowed here.", status: 405,
                fields: [("Allow", allowed.joined(separator: ", "))]
            ).send(to: request)
        }
        switch path {
        case .events: try await streamEvents(request, at: listener)
        case .reload, .log, .cache, .refresh: try await write(path, request).send(to: request)
        case .part(.usage), .part(.errors), .part(.transfers): try await sendList(path, request)
        default: try await read(path, request).send(to: request)
        }
    }

    /// Lists have megabytes, so that many at a time would take the memory that transfers need.
    private func sendList(_ path: AdminPath, _ request: Request) async throws {
        guard lists < Self.maxLists else {
            return try await AdminResponse.message(
                "Other lists are being sent; try again.", status: 503, fields: [("Retry-After", "1")]
            ).send(to: request)
        }
        lists += 1
        defer { lists -= 1 }
        try await read(path, request).send(to: request)
    }

    private func read(_ path: AdminPath, _ request: Request) async -> AdminResponse {
        switch path {
        case .health: return .text("ok\n")
        case .ready: return await ready(request.query)
        case .metrics: return AdminResponse(type: "text/plain; version=0.0.4; charset=utf-8", body: await sources.metrics())
        case .upstreams: return .json(await sources.upstreams())
        case .part(let part):
            let isSorted = part == .usage, isList = isSorted || part == .transfers || part == .errors
            guard let query = ListQuery(isList ? request.query : nil, isSorted: isSorted) else {
                return .message("Unknown parameter or value: \(ListQuery.allowed(isSorted: isSorted)).", status: 400)
            }
            return await state.response(of: part, query)
        case .file(let file):
            let fields = [("ETag", file.tag), ("Cache-Control", "no-cache")]
            if request.field("If-None-Match")?.contains(file.tag) == true {
                return AdminResponse(status: 304, type: file.contentType, fields: fields, body: [])
            }
            return AdminResponse(type: file.contentType, fields: fields, body: file.bytes)
        case .events, .reload, .log, .cache, .refresh: preconditionFailure("not a plain read")
        }
    }

    private func ready(_ query: String?) async -> AdminResponse {
        guard let query = ReadinessQuery(query) else {
            return .text("unknown parameter: use all, or upstream=NAME\n", status: 400)
        }
        if await sources.isDraining() { return .text("draining: no new exchange is taken\n", status: 503) }
        guard let readiness = query.evaluate(await sources.upstreams()) else {
            return .text("there is no upstream of this name\n", status: 404)
        }
        return .text(readiness.text, status: readiness.isReady ? 200 : 503)
    }

    // MARK: Events

    private func streamEvents(_ request: Request, at listener: Int) async throws {
        guard feed.join() else {
            return try await AdminResponse.message(
                "Too many listen already, at most \(EventFeed.maxListeners).", status: 503, fields: [("Retry-After", "10")]
            ).send(to: request)
        }
        defer { feed.leave() }
        request.closeAfterResponse()
        try await request.begin(
            200, fields: [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")] + AdminResponse.safety, length: nil)
        guard request.method == .get else { return try await request.end() }
        try await request.send(EventFeed.start)
        if !isFeeding {
            isFeeding = true
            Task { await publish() }
        }
        var position = EventFeed.Position()
        // Streams at a former address end: a page there would show a gateway that it cannot reach again.
        while listener == self.listener, let events = await feed.next(&position) { try await request.send(events) }
        try await request.end()
    }

    /// Reads the state once a second for all listeners, until nobody listens.
    private func publish() async {
        var round = 0
        while feed.listeners > 0, !feed.hasEnded {
            let parts = StatePart.allCases.filter { $0 != .usage || round % Self.roundsPerUsage == 0 }
            feed.publish(await state.events(parts, Self.eventLimits))
            round += 1
            await loop.sleep(for: .seconds(1))
        }
        feed.reset()
        isFeeding = false
    }

    /// Usage changes slowly and is the largest part.
    private static let roundsPerUsage = 5
    /// What a page shows of each list.
    private static let eventLimits = ListQuery(limit: 20)

    // MARK: Changes

    private func write(_ path: AdminPath, _ request: Request) async throws -> AdminResponse {
        let presented = WriteRule.bearerToken(request.field("Authorization"))
        let rule = WriteRule(
            host: request.field("Host"), origin: request.field("Origin"), siteRelation: request.field("Sec-Fetch-Site"),
            isToken: await sources.isToken(presented ?? []), presented: presented != nil)
        switch rule {
        case .allowed: break
        case .foreign(let reason): return .message(reason, status: 403)
        case .unauthorized(let presented):
            let challenge = presented ? #"Bearer realm="Berth", error="invalid_token""# : #"Bearer realm="Berth""#
            return .message(
                presented
                    ? "This is not the token of admin.token_file."
                    : "Send the token of admin.token_file: Authorization: Bearer TOKEN.",
                status: 401, fields: [("WWW-Authenticate", challenge)])
        }
        guard writes < Self.maxWrites else {
            return .message("Other changes are in progress; try again.", status: 503, fields: [("Retry-After", "5")])
        }
        writes += 1
        defer { writes -= 1 }
        switch path {
        case .refresh(let name): return await refresh(name)
        case .cache: return await emptyCache()
        case .log: return await setLogLevel(try await request.collect(upTo: Self.maxBody))
        default: return await reload()
        }
    }

    private func refresh(_ name: String) async -> AdminResponse {
        guard let outcomes = await sources.refresh(name) else {
            return .message("There is no upstream named '\(name)'.", status: 404)
        }
        let report = RefreshReport(outcomes)
        return .json(report, status: report.isComplete ? 200 : 502)
    }

    private func emptyCache() async -> AdminResponse {
        switch await sources.emptyCache() {
        case nil: .message("There is no cache: the configuration has no cache.directory.", status: 404)
        case .done(let entries, let bytes):
            .message(
                "Removed \(entries == 1 ? "1 entry" : "\(entries) entries"), \(bytes) bytes. What is asked for is fetched again.")
        case .postponed:
            .message("The cache is not in use now: what its directory holds is removed when it is.", status: 202)
        case .rejected:
            .message("Nothing was removed: another process uses the cache's directory. Empty the cache there.", status: 409)
        }
    }

    private func reload() async -> AdminResponse {
        let outcome = await sources.reload()
        guard outcome.problems.isEmpty else { return .json(["problems": outcome.problems], status: 422) }
        let changes = outcome.changes.isEmpty ? "nothing" : outcome.changes
        return .json(["message": "Reloaded.", "changed": changes])
    }

    private func setLogLevel(_ body: [UInt8]?) async -> AdminResponse {
        let level = body.flatMap { try? JSONDecoder().decode([String: String].self, from: Data($0)) }
        guard let level, level.count == 1, let wanted = level["level"], sources.logLevels.contains(wanted) else {
            return .message(
                "Send {\"level\": \"…\"} with one of \(sources.logLevels.joined(separator: ", ")).", status: 400)
        }
        await sources.setLogLevel(wanted)
        return .message("The log's level is \(wanted) until a reload changes log.level, or a restart.")
    }
}
