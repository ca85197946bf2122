import Crypto
import HTTP
import HTTPServer
import Logging
import Transport

/// The sandbox's loop and all that is confined to it. File calls block the loop, which is acceptable: pieces are small and the clients are
/// tests.
actor SandboxHost: ConnectionHost {
    nonisolated let loop = EventLoop()
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let tls: TLSServer
    private let account: Account
    private let faults = Faults()
    private let registry: RegistryService
    private let api: APIService
    private let bucket: LayerBucket
    private let metadata: InstanceMetadata
    private let container: ContainerAgent
    nonisolated let containerToken: String
    private let control: ControlEndpoint
    private let logger: Logger
    private let settings = ServerSettings()
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    /// Further connections are closed as soon as they are accepted.
    private static let maxConnections = 10_000

    init(_ settings: SandboxSettings, user: SigningKeys, directory: String, tls: TLSServer, logger: Logger) throws {
        let account = try Account(settings, user: user, directory: directory)
        (self.account, self.tls, self.logger) = (account, tls, logger)
        registry = RegistryService(account: account)
        api = APIService(account: account)
        bucket = LayerBucket(account: account)
        metadata = InstanceMetadata(account: account)
        container = ContainerAgent(account: account)
        containerToken = container.token
        control = ControlEndpoint(account: account, faults: faults)
    }

    func serve(_ socket: AcceptedSocket) async {
        guard connections.count < Self.maxConnections else { return socket.close() }
        let service = Service.allCases[socket.listener]
        let connection = ServerConnection(socket, on: loop, settings: settings)
        connections[ObjectIdentifier(connection)] = connection
        defer { connections[ObjectIdentifier(connection)] = nil }
        do { try await connection.secure(service.usesTLS ? tls : nil) } catch {
            logger.debug("handshake failed", metadata: ["service": "\(service.rawValue)", "error": "\(error)"])
            return connection.stream.close()
        }
        while let request = await connection.nextRequest() { await respond(to: request, as: service) }
    }

    private func respond(to request: Request, as service: Service) async {
        let fault = faults.take(for: service, method: request.method, path: request.path)
        let exchange = Exchange(request, fault: fault, clock: account.clock, loop: loop)
        if service == .registry { account.counters.registryRequests += 1 }
        defer { if service == .registry { account.counters.registryRequests -= 1 } }
        do {
            if let status = try await exchange.injectEarlyFault() {
                try await FaultResponse(status: status, service: service).send(to: exchange)
            } else {
                switch service {
                case .registry: try await registry.respond(to: exchange)
                case .api: try await api.respond(to: exchange)
                case .s3: try await bucket.respond(to: exchange)
                case .metadata where exchange.path == ContainerAgent.path: try await container.respond(to: exchange)
                case .metadata: try await metadata.respond(to: exchange)
                case .control: try await control.respond(to: exchange, openConnections: connections.count)
                }
            }
        } catch is InjectedFault {
            // The fault was requested.
        } catch {
            logger.debug("exchange failed", metadata: ["service": "\(service.rawValue)", "error": "\(error)"])
            request.abort()
        }
        if service != .control { account.counters.count("\(service.rawValue).\(exchange.kind)") }
        // Without the query, which holds the signatures of presigned URLs.
        logger.debug(
            "request",
            metadata: [
                "service": "\(service.rawValue)", "method": "\(exchange.method.token)", "path": "\(exchange.path)",
                "status": .stringConvertible(exchange.status),
            ])
    }

    func closeConnections() {
        for connection in connections.values { connection.stream.close() }
    }
}
