package import Access
package import Cache
package import Configuration
import Crypto
import HTTP
import HTTPServer
package import Registry
import Transport

/// The configuration as the workers use it: immutable, read without a lock, and a reference, since every request reads it. A reload publishes a new one; exchanges that have begun
/// end with the one they began with.
package final class ConfigurationSnapshot: Sendable {
    /// In the configuration's order.
    let listeners: [ListenerPolicy]
    /// Those that the configuration before had: their last connections may be accepted and not served yet.
    private let removed: [ListenerPolicy]
    /// The number of the next listener.
    private let nextListener: Int
    /// In the configuration's order.
    package let upstreams: [Upstream]
    let router: Router
    /// Whose logins are accepted, and what each may do.
    package let users: UserDirectory
    /// nil: nothing is kept.
    package let cache: CacheStore?
    let connectTo: ConnectTo
    let timeouts: Settings.Timeouts
    let limits: Settings.Limits
    /// The bounds of connections that are accepted from now on.
    let server: ServerSettings

    /// - Parameter former: the one that this one replaces, whose listeners it continues.
    /// - Throws: a route names an upstream that does not exist.
    package init(
        _ settings: Settings, upstreams: [Upstream], users: UserDirectory, replacing former: ConfigurationSnapshot? = nil,
        cache: CacheStore? = nil
    ) throws(ConfigurationProblems) {
        let old = former?.listeners ?? []
        let pairing = ListenerPairing(from: old.map(\.settings), to: settings.listeners)
        var next = former?.nextListener ?? 0
        listeners = zip(settings.listeners, pairing.predecessors).map { listener, predecessor in
            guard let before = predecessor.map({ old[$0] }) else {
                defer { next += 1 }
                return ListenerPolicy(listener, number: next)
            }
            return before.settings == listener ? before : ListenerPolicy(listener, number: before.number)
        }
        (removed, nextListener) = (pairing.ending.map { old[$0] }, next)
        (self.upstreams, self.users, self.cache) = (upstreams, users, cache)
        router = try Router(settings.routeTable, upstreams: upstreams)
        connectTo = settings.connectTo
        timeouts = settings.timeouts
        // A cache that has too few does without its files.
        let files = cache == nil ? 0 : min(CacheStore.maxDescriptors, Descriptors.limit / 4)
        limits = settings.limits.fitted(toDescriptors: Descriptors.limit - files)
        server = Self.serverSettings(settings)
    }

    /// The listener of a number, also one that was just removed; nil: there is none. A handful: a scan is shorter than a hash.
    func listener(_ number: Int) -> ListenerPolicy? {
        for listener in listeners where listener.number == number { return listener }
        for listener in removed where listener.number == number { return listener }
        return nil
    }

    /// What a connection's listener is now; nil: the connection is to end, since the listener was removed, or demands something else of a client
    /// before its first request.
    func policy(continuing accepted: ListenerPolicy) -> ListenerPolicy? {
        for listener in listeners where listener.number == accepted.number {
            return listener === accepted || listener.admission == accepted.admission ? listener : nil
        }
        return nil
    }

    /// Where requests for a repository go: the upstream, and the repository's name there; nil: there is no route.
    package func destination(of repository: Repository, at place: Place) -> (upstream: Upstream, repository: Repository)? {
        router.route(at: place, repository: repository).map { ($0.upstream, $0.upstreamRepository) }
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
