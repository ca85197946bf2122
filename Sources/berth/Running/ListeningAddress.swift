import Configuration
import Gateway
import Logging
import Transport

/// An address that is listened on, as the log names it.
struct ListeningAddress: Equatable {
    private let name: String
    private let address: SocketAddress
    private let hasTLS: Bool

    /// Those of a running gateway.
    /// - Parameter plan: what the data plane runs.
    static func all(of plan: GatewayPlan, _ dataPlane: DataPlane, _ admin: AdminListener) -> [ListeningAddress] {
        zip(plan.settings.listeners, dataPlane.addresses).map {
            ListeningAddress(name: "registry", address: $1, hasTLS: $0.tls != nil)
        }
            + [ListeningAddress(name: "admin", address: admin.address, hasTLS: false)]
    }

    func write(to log: Logger) {
        log.info("listening", metadata: ["listener": "\(name)", "address": "\(address)", "tls": .stringConvertible(hasTLS)])
    }
}
