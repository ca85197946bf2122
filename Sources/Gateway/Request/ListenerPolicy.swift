import Configuration
import Crypto
import Transport

/// One of the configuration's listeners, as the workers use it. The same object as long as nothing about it changes, through reloads too.
final class ListenerPolicy: Sendable {
    /// What a client must do before its first request.
    enum Admission: Equatable {
        case plain, tls
        /// Show a certificate that was issued by one of these; a digest of the file that has them.
        case certificate(from: [UInt8])
    }

    /// The listener's number: its own as long as the process runs, whatever is added or removed before it in the configuration.
    let number: Int
    /// As configured: with port 0 where any free port is taken.
    let settings: Settings.Listener
    let admission: Admission
    /// nil: plain HTTP.
    var tls: TLSServer? { settings.tls?.server }
    /// `https://registry.example.com`, without a slash at the end. Empty: addresses in responses are relative to the one the client used.
    let publicURL: [UInt8]

    init(_ settings: Settings.Listener, number: Int) {
        (self.settings, self.number) = (settings, number)
        publicURL = Array((settings.publicURL?.description ?? "").utf8)
        admission = settings.tls.map { $0.clientAuthority.map { .certificate(from: $0) } ?? .tls } ?? .plain
    }

    /// Whose `X-Forwarded-*` fields are believed.
    var trustedProxies: [Network] { settings.trustedProxies }

    func trusts(_ peer: SocketAddress) -> Bool { settings.trustedProxies.contains { $0.contains(peer) } }
}
