package import Access
package import Configuration
import Crypto
import HTTP
import HTTPServer
import Transport

/// The configuration as the workers use it: immutable, read without a lock, and a reference, since every request reads it. A reload publishes a new one; exchanges that have begun
/// end with the one they began with.
package final class ConfigurationSnapshot: Sendable {
    let listeners: [ListenerPolicy]
    /// In the configuration's order.
    package let upstreams: [Upstream]
    let router: Router
    /// Whose logins are accepted, and what each may do.
    package let users: UserDirectory
    let connectTo: ConnectTo
    let timeouts: Settings.Timeouts
    let limits: Settings.Limits
    /// The bounds of connections that are accepted from now on.
    let server: ServerSettings

    /// - Throws: a route names an upstream that does not exist.
    package init(_ settings: Settings, upstreams: [Upstream], users: UserDirectory) throws(ConfigurationProblems) {
        listeners = settings.listeners.map { listener in
            ListenerPolicy(
                tls: listener.tls?.server, publicURL: Array((listener.publicURL?.description ?? "").utf8),
                trustedProxies: listener.trustedProxies)
        }
        (self.upstreams, self.users) = (upstreams, users)
        router = Router(try Self.rows(of: settings, upstreams))
        connectTo = settings.connectTo
        timeouts = settings.timeouts
        limits = settings.limits.fitted(toDescriptors: Descriptors.limit)
        server = Self.serverSettings(settings)
    }

    /// Without routes, every repository goes to the first upstream under its own name.
    private static func rows(of settings: Settings, _ upstreams: [Upstream]) throws(ConfigurationProblems) -> [Router.Row] {
        guard !settings.routes.isEmpty else {
            return upstreams.prefix(1).map { Router.Row(host: nil, namespace: nil, prefix: [], upstream: $0, upstreamPrefix: []) }
        }
        return try settings.routes.map { route throws(ConfigurationProblems) in
            // Not left out: a row with a shorter prefix would send its repositories to another account.
            guard let upstream = upstreams.first(where: { $0.name == route.upstream }) else {
                throw ConfigurationProblems(lines: [
                    "routes: no upstream is named '\(route.upstream)'; name one of upstreams"
                ])
            }
            return Router.Row(
                host: route.host, namespace: route.namespace, prefix: route.prefix, upstream: upstream,
                upstreamPrefix: route.upstreamPrefix)
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
