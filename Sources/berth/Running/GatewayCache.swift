import Admin
import Cache
import Configuration
import Logging
import Registry
import Transport

/// The cache of a configuration, from the start of its store to the end. Reloads keep it while its directory stays the same.
struct GatewayCache: Sendable {
    let directory: String
    let store: CacheStore
    private let settings: Published<ConfiguredCache>
    private let log: Logger

    /// The cache of a configuration. One that runs already is kept, without a change: `apply` makes it, when the
    /// reload cannot fail any more. A store that nobody uses in the end stops by itself.
    static func of(_ settings: ConfiguredCache?, running: GatewayCache? = nil, log: Logger) -> GatewayCache? {
        guard let settings else { return nil }
        if let running, running.directory == settings.directory { return running }
        return GatewayCache(settings, log: log)
    }

    private init(_ settings: ConfiguredCache, log: Logger) {
        let directory = settings.directory
        let published = Published(settings)
        (self.directory, self.settings, self.log) = (directory, published, log)
        store = CacheStore(
            CacheSettings(directory: directory, size: settings.size, stale: Int(settings.stale.components.seconds)),
            report: { Self.log($0, published.current, log) })
    }

    func apply(_ settings: ConfiguredCache?) {
        guard let settings else { return }
        self.settings.publish(settings)
        store.change(size: settings.size, stale: Int(settings.stale.components.seconds))
    }

    /// Removes all that it holds, unless another process uses the directory: what that holds is not this one's to remove.
    func empty() async -> CacheEmptying {
        let state = store.state
        if state == .waiting || state == .stopped { return .rejected }
        let (entries, bytes) = await store.empty()
        guard state == .on else {
            log.notice(
                "cache not in use: what its directory holds is removed when it is", metadata: ["directory": "\(directory)"])
            return .postponed
        }
        log.notice(
            "cache emptied",
            metadata: [
                "directory": "\(directory)", "entries": .stringConvertible(entries), "bytes": .stringConvertible(bytes),
            ])
        return .done(entries: entries, bytes: bytes)
    }

    /// Leaves the directory to another process, or to nobody. Downloads in progress go on for their clients.
    func stop() { store.stop() }

    /// After `stop`: waits until it has written down what it knows, at most two seconds: the disk may hang.
    func end() async {
        for _ in 0..<200 where !store.hasLeft { try? await Task.sleep(for: .milliseconds(10)) }
    }

    private static func log(_ event: CacheEvent, _ settings: ConfiguredCache, _ log: Logger) {
        let directory = settings.directory
        switch event {
        case .on(let entries, let bytes):
            log.notice(
                "cache in use",
                metadata: [
                    "directory": "\(directory)", "entries": .stringConvertible(entries), "bytes": .stringConvertible(bytes),
                    "size": "\(settings.sizeAsConfigured)", "stale": "\(settings.stale.asConfigured)",
                ])
        case .waiting:
            log.notice("cache not in use yet: another process uses its directory", metadata: ["directory": "\(directory)"])
        case .off(let reason):
            log.error(
                "cache not in use: what cannot be read from it is fetched from the registries and not kept; it is tried again every 30 s",
                metadata: ["directory": "\(directory)", "error": "\(reason)"])
        case .wrongContent(let digest):
            log.error(
                "a registry sent other bytes than their digest says: no client gets all of them, and nothing is kept",
                metadata: ["digest": "\(digest)"])
        case .corrupt(let digest):
            log.warning(
                "a file of the cache had other bytes than it was written with; it is removed, and fetched again when asked for",
                metadata: ["directory": "\(directory)", "digest": "\(digest)"])
        }
    }
}
