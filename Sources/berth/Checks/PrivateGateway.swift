import AWS
import Configuration
import Crypto
import FoundationEssentials
import Gateway
import Logging
import Registry
import Telemetry
import Transport

/// A gateway of this configuration that only this process can use, to ask it as clients do. `check` so runs the code that serves clients: routes,
/// tokens, retries, redirects and their limits.
final class PrivateGateway {
    /// A response, with what the gateway's log says of a failed one.
    struct Response {
        let status: Int
        let fields: HTTPClientResponse
        /// The registry's code and sentence of an error.
        var code: String?, message: String?
        /// What the client is not told.
        var end: String?, reason: String?
        var isSuccess: Bool { (200..<300).contains(status) }
        var body: [UInt8] { fields.body }
    }

    private let dataPlane: DataPlane
    private let client: HTTPClient
    private let errors = RecentErrors()
    private let authorization: String
    private let host: String?, namespace: String?

    /// A push of a layer over a slow line, and the gateway's own patience, end before.
    private static let patience = Duration.seconds(150)
    private static let user = "berth-check"

    /// - Parameters:
    ///   - plan: whose tokens and upstreams it uses.
    ///   - host: what clients address; nil: the address itself.
    init(
        _ settings: Settings, plan: GatewayPlan, host: String?, namespace: String?, loop: EventLoop, log: Logger
    ) async throws {
        let password = Hexadecimal.bytes(of: randomBytes(24))
        let own = settings.forOneClient(named: Self.user, password: Secret(password))
        let plan = try GatewayPlan(own, loop: loop, log: log, running: plan)
        dataPlane = try DataPlane(
            settings: own, workers: 1, snapshot: plan.snapshot, outbound: plan.outbound, accessLog: LogSink(level: .critical),
            errors: errors, log: log, inherited: InheritedSockets())
        (self.host, self.namespace) = (host, namespace)
        client = HTTPClient(loop: loop, userAgent: "berth/\(ProgramVersion.text)")
        authorization = "Basic " + Data("\(Self.user):".utf8 + password).base64EncodedString()
        for keepers in plan.keepers.all { await keepers.token.start() }
        dataPlane.start()
    }

    func stop() async { await dataPlane.drain(within: .seconds(1)) }

    /// - Parameters:
    ///   - path: from `/v2/` on, or what `Location` said.
    ///   - query: encoded.
    func send(
        _ method: String, _ path: String, query: String? = nil, fields: [(name: String, value: String)] = [], body: [UInt8]? = nil
    ) async throws(HTTPClientError) -> Response {
        let parts = [query, namespace.map { "ns=\($0)" }].compactMap { $0 }
        let url = HTTPClientURL(
            scheme: .http, host: "127.0.0.1", port: Int(dataPlane.addresses[0].port), path: path,
            query: parts.isEmpty ? nil : parts.joined(separator: "&"))
        var request = HTTPClientRequest("\(method) \(path)", method: method, url: url, fields: fields, body: body)
        request.fields.append(("Authorization", authorization))
        if let host { request.fields.append(("Host", host)) }
        (request.timeout, request.mayUseProxy) = (Self.patience, false)
        let answer = try await client.call(request)
        var response = Response(status: answer.status, fields: answer)
        guard answer.status >= 400 else { return response }
        let error = (try? JSONDecoder().decode(Errors.self, from: Data(answer.body)))?.errors.first
        (response.code, response.message) = (error?.code, error?.message)
        let recorded = await recorded(answer["berth-request-id"])
        (response.end, response.reason) = (recorded?.end, recorded?.reason)
        return response
    }

    /// What the gateway noted of a failed request, which it does after it has responded; nil: nothing, as of a 404, which needs no more words.
    private func recorded(_ requestID: String?) async -> RecentError? {
        let deadline = ContinuousClock.now + Self.notePatience
        while ContinuousClock.now < deadline {
            if let error = errors.latest().first(where: { $0.requestID == requestID }) { return error }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }

    private static let notePatience = Duration.milliseconds(200)

    private struct Errors: Decodable {
        struct One: Decodable { let code: String?, message: String? }
        let errors: [One]
    }
}
