import Foundation
import HTTP
import HTTPServer
package import Transport

/// The admin listener, on the control loop: health, metrics, and an API and page for operators. It has no authentication. By default it is
/// bound to loopback, and it accepts no changes from web pages that a browser has open.
package actor AdminHost: ConnectionHost {
    /// The control loop.
    package nonisolated let loop: EventLoop
    /// Runs the actor on `loop`.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let sources: AdminSources
    private let started = Date()

    /// - Parameter loop: the control loop.
    package init(loop: EventLoop, sources: AdminSources) { (self.loop, self.sources) = (loop, sources) }

    private var connections = AdminConnections()
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
            do { try await respond(to: request) } catch { request.abort() }
            connections.setIdle(connection, true)
            if socket.listener != listener { connection.drain() }
        }
        connections.remove(connection)
    }

    /// The admin listener has moved to another address. Connections to the former one end after their next exchange, or when they have been idle.
    package func moved(to listener: Int) { self.listener = listener }

    private func respond(to request: Request) async throws {
        guard HostRule.allows(request.field("Host"), from: request.connection.peer) else {
            return try await problem(request, 421, "Use localhost or an IP address as the host.")
        }
        let path = request.path
        let segments = path.split(separator: "/").map(String.init)
        switch segments.count == 5 && segments[2] == "upstreams" ? "refresh" : path {
        case "/healthz": try await get(request) { (200, .text, "ok\n") }
        case "/readyz": try await get(request) { await ready(request.query) }
        case "/metrics": try await get(request) { (200, .metrics, String(decoding: await sources.metrics(), as: UTF8.self)) }
        case "/api/v1/status": try await get(request) { await json(status()) }
        case "/api/v1/upstreams": try await get(request) { json(await sources.upstreams()) }
        case "/": try await get(request) { (200, .page, AdminPage(await status()).html) }
        case "/api/v1/reload": try await post(request) { await reload() }
        case "refresh" where path.hasPrefix("/api/v1/") && segments[4] == "refresh":
            try await post(request) { await refresh(PercentEncoding.decodeStrictly(segments[3]) ?? segments[3]) }
        default: try await problem(request, 404, "There is nothing at \(path).")
        }
    }

    private typealias Response = (status: Int, type: ContentType, body: String)

    private enum ContentType: String {
        case text = "text/plain; charset=utf-8"
        case metrics = "text/plain; version=0.0.4; charset=utf-8"
        case json = "application/json"
        case page = "text/html; charset=utf-8"
    }

    private func get(_ request: Request, _ makeResponse: () async -> Response) async throws {
        guard request.method == .get || request.method == .head else {
            return try await problem(request, 405, "Only GET and HEAD are allowed here.", fields: [("Allow", "GET, HEAD")])
        }
        try await respond(request, await makeResponse())
    }

    /// Web pages of other origins can send a POST without a preflight request, but browsers then add `Origin`.
    private func post(_ request: Request, _ makeResponse: () async -> Response) async throws {
        guard request.method == .post else {
            return try await problem(request, 405, "Only POST is allowed here.", fields: [("Allow", "POST")])
        }
        guard request.field("Origin") == nil, request.field("Sec-Fetch-Site") == nil else {
            return try await problem(request, 403, "Requests from web pages are not accepted here; use curl -X POST.")
        }
        try await respond(request, await makeResponse())
    }

    private func respond(_ request: Request, _ response: Response, fields: [(String, String)] = []) async throws {
        let safety = [
            ("Content-Type", response.type.rawValue), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        ]
        try await request.respond(response.status, fields: safety + fields, body: Array(response.body.utf8))
    }

    private func problem(_ request: Request, _ status: Int, _ message: String, fields: [(String, String)] = []) async throws {
        try await respond(request, json(["message": message], status: status), fields: fields)
    }

    private func json(_ value: some Encodable, status: Int = 200) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        // Encoding strings, numbers and flags does not fail.
        let text = (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        return (status, .json, text + "\n")
    }

    private func status() async -> GatewayStatus {
        let upstreams = await sources.upstreams()
        return GatewayStatus(
            version: sources.version, ready: await !sources.isDraining() && upstreams.contains(where: \.ready),
            uptimeSeconds: Int(Date().timeIntervalSince(started)),
            upstreams: upstreams)
    }

    private func ready(_ query: String?) async -> Response {
        guard let query = ReadinessQuery(query) else {
            return (400, .text, "unknown parameter: use all, or upstream=NAME\n")
        }
        if await sources.isDraining() { return (503, .text, "draining: no new exchange is taken\n") }
        guard let readiness = query.evaluate(await sources.upstreams()) else {
            return (404, .text, "there is no upstream of this name\n")
        }
        return (readiness.isReady ? 200 : 503, .text, readiness.text)
    }

    private func refresh(_ name: String) async -> Response {
        switch await sources.refresh(name) {
        case nil: json(["message": "There is no upstream named '\(name)'."], status: 404)
        case true?: json(["message": "A new token was fetched."])
        case false?: json(["message": "No new token could be fetched. The log and /api/v1/upstreams have the reason."], status: 502)
        }
    }

    private func reload() async -> Response {
        let problems = await sources.reload()
        return problems.isEmpty ? json(["message": "Reloaded."]) : json(["problems": problems], status: 422)
    }
}
