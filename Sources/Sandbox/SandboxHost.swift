import HTTP
import Crypto
import HTTPServer
import Logging
import Transport

/// The sandbox's loop and everything confined to it. Blocking file calls on it are a choice: pieces are small, and its clients
/// are tests.
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
    /// Past it a connection is closed as soon as it is accepted.
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
        loop.keepTimeouts(of: self.settings.timeouts)
    }

    func serve(_ socket: AcceptedSocket) async {
        guard connections.count < Self.maxConnections else { return socket.refuse() }
        let service = Service.allCases[socket.listener]
        let connection = ServerConnection(socket, on: loop, settings: settings)
        connections[ObjectIdentifier(connection)] = connection
        defer { connections[ObjectIdentifier(connection)] = nil }
        do { try await connection.secure(service.speaksTLS ? tls : nil) } catch {
            logger.debug("handshake failed", metadata: ["service": "\(service.rawValue)", "error": "\(error)"])
            return connection.stream.close()
        }
        while let request = await connection.nextRequest() { await answer(request, as: service) }
    }

    private func answer(_ request: Request, as service: Service) async {
        let fault = faults.take(for: service, method: request.method, path: request.path)
        let exchange = Exchange(request, fault: fault, clock: account.clock, loop: loop)
        do {
            if let status = try await exchange.strikeAtOnce() {
                try await exchange.respond(status, of: service)
            } else {
                switch service {
                case .registry: try await registry.answer(exchange)
                case .api: try await api.answer(exchange)
                case .s3: try await bucket.answer(exchange)
                case .metadata where exchange.path == ContainerAgent.path: try await container.answer(exchange)
                case .metadata: try await metadata.answer(exchange)
                case .control: try await control.answer(exchange, openConnections: connections.count)
                }
            }
        } catch is FaultStruck {
            // As it was asked for.
        } catch {
            logger.debug("exchange failed", metadata: ["service": "\(service.rawValue)", "error": "\(error)"])
            request.abort()
        }
        if service != .control { account.counters.count("\(service.rawValue).\(exchange.kind)") }
        // The path alone: queries hold presigned URLs' signatures.
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

extension Exchange {
    /// A fault's status, in the service's own error format.
    fileprivate func respond(_ status: Int, of service: Service) async throws {
        kind = "fault"
        let isThrottling = status == 429
        switch service {
        case .registry:
            let refusal =
                isThrottling
                ? RegistryRefusal.throttled
                : RegistryRefusal(status: status, code: status == 403 ? "DENIED" : "UNKNOWN", message: "Fault on demand")
            try await respond(
                status, type: "application/json; charset=utf-8",
                json: RegistryRefusal.Body(errors: [.init(code: refusal.code, message: refusal.message)]))
        case .api:
            // Throttling is a 400 there (ECR 3).
            let refusal =
                isThrottling
                ? APIRefusal("ThrottlingException", "Rate exceeded") : APIRefusal("ServerException", "Server fault", status: status)
            try await respond(refusal.status, type: "application/x-amz-json-1.1", json: refusal.body)
        case .s3:
            let refusal =
                isThrottling || status == 503
                ? S3Refusal(503, "SlowDown", "Please reduce your request rate.")
                : S3Refusal(status, "InternalError", "We encountered an internal error. Please try again.")
            try await respond(refusal.status, fields: [("Content-Type", "application/xml")], body: refusal.body)
        case .metadata, .control:
            try await respond(status)
        }
    }
}
