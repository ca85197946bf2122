import Configuration
import Foundation
import Gateway
import Transport

/// The names that an upstream's connections are dialled at, looked up as the data plane does it: with Berth's own resolver, which reads the
/// machine's files and asks its name servers by itself.
actor NameCheck {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: EventLoop) { self.loop = loop }

    /// nil: it is dialled at an address.
    func step(_ host: String, connectTo: ConnectTo, by outbound: OutboundSettings) async -> CheckReport.Step? {
        let (name, port) = outbound.dialled(host, connectTo: connectTo)
        guard SocketAddress(host: name, port: port) == nil else { return nil }
        do {
            let found = try await loop.resolve(name, port: port).map(\.host)
            return .init(step: "names", outcome: .ok, detail: "\(name) is \(found.joined(separator: ", "))", facts: ["name": name])
        } catch {
            return .init(
                step: "names", outcome: .failed, detail: "\(name) cannot be resolved: \(error)",
                notes: ["see /etc/resolv.conf and /etc/hosts where Berth runs, and whether its name servers are reached"],
                facts: ["name": name, "error": "unresolved"])
        }
    }
}
