import FoundationEssentials

/// Reads the gateway's state, part by part, for the API and the events.
struct GatewayState {
    let sources: AdminSources
    private let started = Date()

    init(_ sources: AdminSources) { self.sources = sources }

    func status() async -> GatewayStatus {
        let upstreams = await sources.upstreams()
        let isDraining = await sources.isDraining()
        return GatewayStatus(
            version: sources.version, ready: !isDraining && upstreams.contains(where: \.ready), draining: isDraining, time: Date(),
            uptimeSeconds: Int(Date().timeIntervalSince(started)), logLevel: await sources.logLevel(),
            needsToken: await sources.isToken([]) != nil, upstreams: upstreams, cache: await sources.cache())
    }

    /// The body of a part, before it is encoded.
    func body(of part: StatePart, _ query: ListQuery) async -> any Encodable & Sendable {
        switch part {
        case .status: await status()
        case .traffic: await sources.traffic()
        case .transfers: Transfers(await sources.transfers(), limit: query.limit)
        case .errors: LatestErrors(errors: Array(await sources.errors().prefix(query.limit)))
        case .usage: await Self.usage(await sources.usage(), query)
        case .certificates: Certificates(certificates: await sources.certificates())
        case .configuration: await sources.configuration()
        }
    }

    /// The same, as the body of a response.
    func response(of part: StatePart, _ query: ListQuery) async -> AdminResponse {
        await Self.response(await body(of: part, query))
    }

    @concurrent private static func response(_ body: any Encodable & Sendable) async -> AdminResponse { .json(body) }

    /// Not on the loop, which thousands of repositories would hold up.
    @concurrent private static func usage(_ reading: UsageReading, _ query: ListQuery) async -> Usage {
        Usage(reading, by: query.order, limit: query.limit)
    }

    /// Each part as the JSON of its event.
    /// - Parameter parts: those that are read; usage, which takes longest, need not be among them each time.
    func events(_ parts: [StatePart], _ query: ListQuery) async -> [StatePart: [UInt8]] {
        var bodies: [(StatePart, any Encodable & Sendable)] = []
        for part in parts { bodies.append((part, await body(of: part, query))) }
        return await Self.encode(bodies)
    }

    @concurrent private static func encode(_ bodies: [(StatePart, any Encodable & Sendable)]) async -> [StatePart: [UInt8]] {
        var encoded: [StatePart: [UInt8]] = [:]
        for (part, body) in bodies { encoded[part] = AdminResponse.encode(body) }
        return encoded
    }
}
