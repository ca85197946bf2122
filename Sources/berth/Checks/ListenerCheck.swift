import Configuration
import Crypto
import FoundationEssentials
import Transport

/// Checks that the addresses can be listened on, the certificates are valid and passwords do not cross a network in plain text.
struct ListenerCheck {
    private let settings: Settings
    private let loop: EventLoop

    typealias Step = CheckReport.Step

    init(_ settings: Settings, loop: EventLoop) { (self.settings, self.loop) = (settings, loop) }

    func run(_ report: (Step) -> Void) async {
        let admin = await AddressUser.ofAdmin(settings, loop: loop)
        for listener in settings.listeners {
            report(await address(listener.address, admin: admin))
            if let step = transport(listener) { report(step) }
            if let files = listener.tls { report(certificate(files)) }
        }
        report(await address(settings.admin, admin: admin))
    }

    private func address(_ address: SocketAddress, admin: AddressUser) async -> Step {
        do throws(TransportError) {
            try ListeningSocket.checkFree(address)
            let detail = address.port == 0 ? "\(address.host) port 0: a free port is chosen at start" : "\(address) is free"
            return Step(step: "address", outcome: .ok, detail: detail, facts: ["address": "\(address)"])
        } catch {
            guard error.kind == .addressInUse else {
                return failed(
                    address, "\(error.reason); write an address of this machine, and a port that Berth's user may listen on")
            }
            let user: AddressUser =
                if address == settings.admin {
                    admin
                } else if case .running(_, let listeners) = admin, listeners.contains("\(address)") {
                    admin
                } else if await AddressUser.isGateway(at: address, loop: loop) {
                    admin == .unknown ? .anotherBerth(upstreams: []) : admin
                } else {
                    .unknown
                }
            return inUse(address, by: user)
        }
    }

    private func inUse(_ address: SocketAddress, by user: AddressUser) -> Step {
        switch user {
        case .running(let version, _):
            Step(
                step: "address", outcome: .ok, detail: "\(address) is in use by the running berth (version \(version))",
                facts: ["address": "\(address)"])
        case .anotherBerth(let upstreams):
            failed(
                address, error: "in_use",
                "\(address) is in use by a berth with another configuration\(upstreams.isEmpty ? "" : " (upstreams: \(upstreams.joined(separator: ", ")))"); write another port here, or stop that one"
            )
        case .unknown:
            failed(
                address, error: "in_use",
                "\(address) is in use by another program; stop it, or write another port here. To see which: ss -ltnp 'sport = :\(address.port)'"
            )
        }
    }

    private func failed(_ address: SocketAddress, error: String = "not_allowed", _ detail: String) -> Step {
        Step(step: "address", outcome: .failed, detail: detail, facts: ["address": "\(address)", "error": error])
    }

    /// With a proxy or a public URL of https, TLS ends in front of Berth.
    private func transport(_ listener: Settings.Listener) -> Step? {
        let endsElsewhere = !listener.trustedProxies.isEmpty || listener.publicURL?.description.hasPrefix("https:") == true
        guard listener.tls == nil, !endsElsewhere, !listener.address.isLoopback else { return nil }
        return Step(
            step: "transport", outcome: .warning,
            detail:
                "\(listener.address) speaks plain HTTP: passwords and images can be read on the network; set tls, or public_url and trusted_proxies if a proxy in front of Berth ends TLS",
            facts: ["address": "\(listener.address)"])
    }

    private func certificate(_ files: TLSFiles) -> Step {
        let end = Date(timeIntervalSince1970: TimeInterval(files.server.expiresAt))
        let text = end.formatted(.iso8601)
        return Step(
            step: "certificate", outcome: end > Date() ? .ok : .failed,
            detail: end > Date()
                ? "\(files.certificate) is valid until \(text)"
                : "\(files.certificate) expired at \(text); renew it, or the issuer's certificate in the file",
            facts: ["expires": text])
    }
}
