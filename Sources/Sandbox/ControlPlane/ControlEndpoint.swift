import HTTP

/// Lets tests control the sandbox. Plain HTTP and JSON on a listener of its own, on loopback, without authentication.
///
///     GET    /stats                                counts of events since the start
///     POST   /tokens/expire                        every authorization token issued so far is expired
///     POST   /urls/expire                          every presigned URL issued so far is expired
///     POST   /clock        {"offset_seconds": -3600}   the sandbox's clock relative to the machine's
///     GET    /quirks                               the switches, by the names of `Quirk`
///     POST   /quirks       {"patch_created": false}
///     POST   /credentials  {"deny": true}          IAM denies every API call
///                          {"deny_registry": true} and every registry request
///                          {"expire": true}        every role session ends now
///     POST   /faults       {"where": "registry", "match": {"method": "GET", "path_prefix": "/v2/"}, "kind": "reset",
///                           "status": 503, "after_bytes": 1000, "seconds": 5, "times": 2}     see `Fault`
///     GET    /faults                               those that still wait
///     DELETE /faults
///
/// Responds with 200 and JSON, or with 400 and `{"error": …}` for an invalid request.
final class ControlEndpoint {
    private let account: Account
    private let faults: Faults
    private static let maxBodyBytes = 64 << 10
    /// What a body looks like.
    private static let shapes = [
        "/clock": #"{"offset_seconds": -3600}"#, "/quirks": #"{"patch_created": false}"#,
        "/credentials": #"{"deny": true, "deny_registry": true, "expire": true}, each optional"#,
        "/faults": #"{"where": "registry", "kind": "status", "status": 503, "times": -1}"#,
    ]

    init(account: Account, faults: Faults) { (self.account, self.faults) = (account, faults) }

    private struct BadRequest: Error { var message: String }
    private struct ClockOffset: Codable {
        var offsetSeconds: Int
        enum CodingKeys: String, CodingKey { case offsetSeconds = "offset_seconds" }
    }
    private struct Denials: Codable {
        var deny: Bool?, denyRegistry: Bool?, expire: Bool?
        enum CodingKeys: String, CodingKey {
            case deny, expire
            case denyRegistry = "deny_registry"
        }
    }

    func respond(to exchange: Exchange, openConnections: Int) async throws {
        do {
            guard let body = try await exchange.collect(upTo: Self.maxBodyBytes) else {
                throw BadRequest(message: "a body of at most 64 KiB")
            }
            let result = try run(exchange, body, openConnections)
            try await exchange.respond(200, type: "application/json", json: result)
        } catch let errorResponse as BadRequest {
            try await exchange.respond(400, type: "application/json", json: ["error": errorResponse.message])
        } catch let error as Fault.Invalid {
            try await exchange.respond(400, type: "application/json", json: ["error": error.message])
        } catch is DecodingError {
            let shape = Self.shapes[exchange.path] ?? "JSON"
            try await exchange.respond(
                400, type: "application/json", json: ["error": "the body is not what \(exchange.path) takes: \(shape)"])
        }
    }

    private func run(_ exchange: Exchange, _ body: [UInt8], _ openConnections: Int) throws -> any Encodable {
        switch (exchange.method, exchange.path) {
        case (.get, "/stats"):
            return account.counters.snapshot(openConnections: openConnections, openUploads: account.uploads.count)
        case (.post, "/tokens/expire"): account.tokens.expireAll()
        case (.post, "/urls/expire"): account.urls.expireAll()
        case (.post, "/clock"):
            let offset = try JSON.decode(ClockOffset.self, from: body)
            // A century either way. Beyond it, years may have five digits.
            guard abs(offset.offsetSeconds) <= 3_155_760_000 else { throw BadRequest(message: "offset_seconds: at most a century") }
            account.clock.offset = offset.offsetSeconds
            return offset
        case (.get, "/quirks"): return account.quirks.byName
        case (.post, "/quirks"):
            for (name, state) in try JSON.decode([String: Bool].self, from: body) {
                guard let quirk = Quirk(rawValue: name) else {
                    throw BadRequest(
                        message: "no quirk '\(name)'; there are: \(Quirk.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                account.quirks[quirk] = state
            }
            return account.quirks.byName
        case (.post, "/credentials"):
            let denials = try JSON.decode(Denials.self, from: body)
            if let deny = denials.deny { account.isAPIDenied = deny }
            if let deny = denials.denyRegistry { account.isRegistryDenied = deny }
            if denials.expire == true { account.keys.expireSessions(at: account.clock.seconds) }
            return Denials(deny: account.isAPIDenied, denyRegistry: account.isRegistryDenied)
        case (.post, "/faults"):
            let fault = try JSON.decode(Fault.self, from: body)
            guard (fault.afterBytes ?? 0) >= 0, (100...599).contains(fault.status ?? 500), (0...86400).contains(fault.seconds ?? 0),
                (0...1).contains(fault.share ?? 1)
            else {
                throw BadRequest(message: "after_bytes: not negative; status: 100 to 599; seconds: 0 to 86400; share: 0 to 1")
            }
            guard faults.add(fault) else { throw BadRequest(message: "at most \(Faults.maxPending) faults wait at once") }
            return faults.pending
        case (.get, "/faults"): return faults.pending
        case (.delete, "/faults"):
            faults.removeAll()
            return faults.pending
        default:
            throw BadRequest(
                message:
                    "no \(exchange.method.token) \(exchange.path); see /stats, /tokens/expire, /urls/expire, /clock, /quirks, /credentials, /faults"
            )
        }
        return ["done": true]
    }
}
