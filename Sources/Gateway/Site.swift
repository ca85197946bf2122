package import Access
package import Configuration
import Crypto
import HTTP
import HTTPServer
import Transport

/// What all workers read and none changes: the configuration, compiled. A reload publishes a new one; exchanges that are under way
/// end with the one they began with.
package struct Site: Sendable {
    struct Door: Sendable {
        let tls: TLSServer?
        /// `public_url`, without a slash at the end; empty: what Berth says is relative to what the client used.
        let publicURL: [UInt8]
        /// Whose `X-Forwarded-*` is believed.
        let trustedProxies: [Network]

        func trusts(_ peer: SocketAddress) -> Bool { trustedProxies.contains { $0.contains(peer) } }
    }

    let doors: [Door]
    package let upstreams: [Upstream]
    let router: Router
    package let users: UserDirectory
    let connectTo: ConnectTo
    let timeouts: Settings.Timeouts
    let limits: Settings.Limits
    /// The bounds of connections that are accepted from now on.
    let server: ServerSettings

    /// - Throws: a route leads to an upstream that there is not.
    package init(_ settings: Settings, upstreams: [Upstream], users: UserDirectory) throws(ConfigurationProblems) {
        doors = settings.listeners.map { listener in
            Door(
                tls: listener.tls?.server, publicURL: Array((listener.publicURL ?? "").utf8),
                trustedProxies: listener.trustedProxies)
        }
        (self.upstreams, self.users) = (upstreams, users)
        router = Router(try Self.rows(of: settings, upstreams))
        connectTo = ConnectTo(settings.connectTo)
        timeouts = settings.timeouts
        limits = settings.limits.fitted(toDescriptors: Descriptors.limit)
        server = Self.serverSettings(settings)
    }

    /// Without routes every repository goes to the first upstream under its own name (design section 6).
    private static func rows(of settings: Settings, _ upstreams: [Upstream]) throws(ConfigurationProblems) -> [Router.Row] {
        guard !settings.routes.isEmpty else {
            return upstreams.prefix(1).map { Router.Row(host: nil, namespace: nil, prefix: [], upstream: $0, upstreamPrefix: []) }
        }
        return try settings.routes.map { route throws(ConfigurationProblems) in
            // Not left out: a row with a shorter prefix would take its repositories to another account.
            guard let upstream = upstreams.first(where: { $0.name == route.upstream }) else {
                throw ConfigurationProblems(lines: [
                    "routes: '\(route.upstream)' is not the name of one of upstreams; name one that is"
                ])
            }
            return Router.Row(
                host: route.host.map(HostName.init(checked:)), namespace: route.namespace.map(HostName.init(checked:)),
                prefix: Array(route.prefix.utf8), upstream: upstream, upstreamPrefix: Array(route.upstreamPrefix.utf8))
        }
    }

    private static func serverSettings(_ settings: Settings) -> ServerSettings {
        var server = ServerSettings()
        server.limits = .init(bytes: settings.limits.head, fields: settings.limits.headFields)
        server.headTimeout = settings.timeouts.head
        server.tlsHandshakeTimeout = settings.timeouts.tlsHandshake
        server.idleTimeout = settings.timeouts.idle
        server.stallTimeout = settings.timeouts.stall
        return server
    }
}
