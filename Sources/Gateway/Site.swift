import Access
import Configuration
import Crypto
import HTTP
import Transport

/// What all workers read and none changes: the configuration, compiled. A reload publishes a new one; exchanges that are under way
/// end with the one they began with.
public struct Site: Sendable {
    struct Door: Sendable {
        let tls: TLSServer?
        /// `public_url`, without a slash at the end; empty: what Berth says is relative to what the client used.
        let publicURL: [UInt8]
        /// Whose `X-Forwarded-*` is believed.
        let trustedProxies: [Network]

        func trusts(_ peer: SocketAddress) -> Bool { trustedProxies.contains { $0.contains(peer) } }
    }

    let doors: [Door]
    let router: Router
    let users: UserDirectory
    let connectTo: ConnectTo
    let timeouts: Settings.Timeouts
    let limits: Settings.Limits

    /// - Throws: `TLSError` when a certificate or key cannot be used.
    public init(_ settings: Settings, upstreams: [Upstream], users: UserDirectory) throws(TLSError) {
        var doors: [Door] = []
        for listener in settings.listeners {
            var tls: TLSServer?
            if let files = listener.tls {
                tls = try TLSServer(
                    certificateChain: files.certificate, privateKey: files.privateKey, clientAuthority: files.clientCA)
            }
            doors.append(
                Door(
                    tls: tls, publicURL: Array((listener.publicURL ?? "").utf8),
                    trustedProxies: listener.trustedProxies.compactMap { Network($0) }))
        }
        self.doors = doors
        self.users = users
        router = Router(Self.rows(of: settings, upstreams))
        connectTo = ConnectTo(settings.connectTo)
        timeouts = settings.timeouts
        limits = settings.limits
    }

    /// Without routes every repository goes to the first upstream under its own name (design section 6).
    private static func rows(of settings: Settings, _ upstreams: [Upstream]) -> [Router.Row] {
        guard !settings.routes.isEmpty else {
            return upstreams.prefix(1).map { Router.Row(host: nil, namespace: nil, prefix: [], upstream: $0, upstreamPrefix: []) }
        }
        return settings.routes.compactMap { route in
            upstreams.first { $0.name == route.upstream }.map { upstream in
                Router.Row(
                    host: route.host.flatMap { HostName($0) }, namespace: route.namespace.flatMap { HostName($0) },
                    prefix: Array(route.prefix.utf8), upstream: upstream, upstreamPrefix: Array(route.upstreamPrefix.utf8))
            }
        }
    }
}
