import Configuration
import FoundationEssentials
import Registry
import Transport

/// What uses an address that is not free.
enum AddressUser: Equatable {
    /// The gateway that this configuration is for: it runs already, and listens for clients at these addresses.
    case running(version: String, listeners: Set<String>)
    /// Another gateway, with these upstreams.
    case anotherBerth(upstreams: [String])
    case unknown

    private struct Status: Decodable {
        struct Upstream: Decodable { let name: String, registry: String }
        let version: String, upstreams: [Upstream]
    }

    private struct Listening: Decodable {
        struct Listener: Decodable { let address: String }
        let listeners: [Listener]
    }

    /// Asks the admin listener. A gateway that shares an upstream is the one of this configuration, before or after an edit.
    static func ofAdmin(_ settings: Settings, loop: EventLoop) async -> AddressUser {
        let client = AdminClient(address: settings.admin, loop: loop)
        guard settings.admin.port != 0, let response = try? await client.get("/api/v1/status"),
            let status = try? JSONDecoder().decode(Status.self, from: Data(response.body))
        else { return .unknown }
        let isShared = status.upstreams.contains { running in
            settings.upstreams.contains { $0.name == running.name && $0.registry.host == running.registry }
        }
        guard isShared else { return .anotherBerth(upstreams: status.upstreams.map(\.name)) }
        let body = (try? await client.get("/api/v1/configuration"))?.body ?? []
        let listening = try? JSONDecoder().decode(Listening.self, from: Data(body))
        return .running(version: status.version, listeners: Set(listening?.listeners.map(\.address) ?? []))
    }

    /// Whether a gateway listens for clients there, with or without TLS: either responds to plain HTTP, with a request's id.
    static func isGateway(at address: SocketAddress, loop: EventLoop) async -> Bool {
        let response = try? await AdminClient(address: address, loop: loop).get("/v2/")
        return response?["berth-request-id"] != nil
    }
}
