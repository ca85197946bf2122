import Crypto
import Configuration
import Foundation
import Transport

/// Whether the addresses can be listened on, and the certificates are in force.
struct ListenerCheck {
    private let settings: Settings

    typealias Step = CheckReport.Step

    init(_ settings: Settings) { self.settings = settings }

    var steps: [Step] {
        settings.listeners.flatMap { [address($0.address)] + ($0.tls.map { [certificate($0)] } ?? []) } + [address(settings.admin)]
    }

    private func address(_ address: Settings.Address) -> Step {
        do throws(TransportError) {
            try Listener.checkFree(try address.socketAddress)
            return Step(step: "address", outcome: .ok, detail: "\(address) is free", facts: ["address": "\(address)"])
        } catch {
            let isInUse = error.kind == .addressInUse
            return Step(
                step: "address", outcome: isInUse ? .warning : .failed,
                detail: isInUse
                    ? "\(address) is in use: by the berth that runs, or serve cannot start"
                    : "\(error.reason); write an address of this machine, and a port that Berth's user may listen on",
                facts: ["address": "\(address)"])
        }
    }

    private func certificate(_ files: Settings.TLSFiles) -> Step {
        let end = Date(timeIntervalSince1970: TimeInterval(files.server.expiresAt))
        let text = ISO8601DateFormatter().string(from: end)
        return Step(
            step: "certificate", outcome: end > Date() ? .ok : .failed,
            detail: end > Date()
                ? "\(files.certificate) is valid until \(text)"
                : "\(files.certificate) ended at \(text); renew it, or its issuer's in the file",
            facts: ["expires": text])
    }
}
