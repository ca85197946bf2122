import Configuration
import FoundationEssentials
import Gateway
import Transport

/// Resolves the names of an upstream's hosts as the data plane does, with Berth's own resolver: it reads /etc/hosts and /etc/resolv.conf itself.
actor NameCheck {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: EventLoop) { self.loop = loop }

    /// nil: an IP address is dialled.
    func step(_ host: String, connectTo: ConnectTo, by outbound: OutboundSettings) async -> CheckReport.Step? {
        let (name, port) = outbound.dialled(host, connectTo: connectTo)
        guard SocketAddress(host: name, port: port) == nil else { return nil }
        do {
            let found = try await loop.resolver.resolve(name, port: port).map(\.host)
            return .init(step: "names", outcome: .ok, detail: "\(name) is \(found.joined(separator: ", "))", facts: ["name": name])
        } catch {
            return .init(
                step: "names", outcome: .failed, detail: "\(name) cannot be resolved: \(error)",
                notes: ["see /etc/resolv.conf and /etc/hosts where Berth runs, and whether its name servers can be reached"],
                facts: ["name": name, "error": "unresolved"])
        }
    }
}
