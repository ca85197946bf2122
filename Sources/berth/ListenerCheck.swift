import Configuration
import Crypto
import Foundation
import Transport

/// Checks that the addresses are free and the certificates valid.
struct ListenerCheck {
    private let settings: Settings

    typealias Step = CheckReport.Step

    init(_ settings: Settings) { self.settings = settings }

    var steps: [Step] {
        settings.listeners.flatMap { [address($0.address)] + ($0.tls.map { [certificate($0)] } ?? []) } + [address(settings.admin)]
    }

    private func address(_ address: SocketAddress) -> Step {
        do throws(TransportError) {
            try ListeningSocket.checkFree(address)
            let detail = address.port == 0 ? "\(address.host) port 0: a free port is chosen at start" : "\(address) is free"
            return Step(step: "address", outcome: .ok, detail: detail, facts: ["address": "\(address)"])
        } catch {
            let isInUse = error.kind == .addressInUse
            return Step(
                step: "address", outcome: isInUse ? .warning : .failed,
                detail: isInUse
                    ? "\(address) is in use: by a running berth, or serve cannot start"
                    : "\(error.reason); write an address of this machine, and a port that Berth's user may listen on",
                facts: ["address": "\(address)"])
        }
    }

    private func certificate(_ files: TLSFiles) -> Step {
        let end = Date(timeIntervalSince1970: TimeInterval(files.server.expiresAt))
        let text = ISO8601DateFormatter().string(from: end)
        return Step(
            step: "certificate", outcome: end > Date() ? .ok : .failed,
            detail: end > Date()
                ? "\(files.certificate) is valid until \(text)"
                : "\(files.certificate) expired at \(text); renew it, or the issuer's certificate in the file",
            facts: ["expires": text])
    }
}
