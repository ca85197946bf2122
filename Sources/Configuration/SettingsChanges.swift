import Transport

/// The difference between a running configuration and a new one, for a reload.
package struct SettingsChanges {
    private let old: Settings
    private let new: Settings

    /// - Parameter old: the running configuration.
    package init(from old: Settings, to new: Settings) { (self.old, self.new) = (old, new) }

    /// A line for each key that differs and that only a new process can change: what it configures is set up once, at start.
    package var problems: [String] {
        Self.fixed.filter { !$0.isEqual(old, new) }.map { key in
            new.problem(
                key.key,
                "changed, which takes a new process: restart Berth, or let one take over without an outage (berth serve --take-over), or undo the change"
            )
        }
    }

    /// What changed, by names, without values other than addresses: `upstreams: hub added; users: ci changed; routes`. Empty: nothing.
    package var summary: String {
        let named = [
            ("upstreams", Self.differences(old.upstreams, new.upstreams, by: \.name)),
            ("users", Self.differences(old.users, new.users, by: \.name)),
            ("listeners", listeners), ("certificates", certificates),
            ("admin.address", old.admin == new.admin ? [] : ["\(old.admin) -> \(new.admin)"]),
        ].filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1.joined(separator: ", "))" }
        return (named + Self.reloaded.filter { !$0.isEqual(old, new) }.map(\.key)).joined(separator: "; ")
    }

    static let fixed: [Key] = [Key("workers") { $0.workers }]

    static let reloaded: [Key] = [
        Key("routes") { $0.routes }, Key("anonymous") { $0.anonymous }, Key("connect_to") { $0.connectTo },
        Key("limits") { $0.limits }, Key("timeouts") { $0.timeouts }, Key("token_key_file") { $0.tokenKey },
        Key("ca_file") { $0.caFile }, Key("log.level") { $0.log.level }, Key("log.format") { $0.log.format },
        Key("admin.token_file") { $0.adminToken }, Key("cache") { $0.cache },
    ]

    /// A key, and how two configurations are compared by it.
    struct Key: Sendable {
        let key: String
        let isEqual: @Sendable (Settings, Settings) -> Bool

        init(_ key: String, _ value: @escaping @Sendable (Settings) -> some Equatable & SendableMetatype) {
            self.key = key
            isEqual = { value($0) == value($1) }
        }
    }

    private static func differences<Item: Equatable>(_ old: [Item], _ new: [Item], by name: (Item) -> String) -> [String] {
        let before = Dictionary(old.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
        let now = Set(new.map(name))
        return new.filter { before[name($0)] != $0 }.map { "\(name($0)) \(before[name($0)] == nil ? "added" : "changed")" }
            + old.map(name).filter { !now.contains($0) }.map { "\($0) removed" }
    }

    /// Without their certificates, which are reported by themselves.
    private var listeners: [String] {
        let pairing = ListenerPairing(from: old.listeners, to: new.listeners)
        let kept = zip(pairing.predecessors, new.listeners).compactMap { predecessor, listener -> String? in
            guard let before = predecessor.map({ old.listeners[$0] }) else { return "\(listener.address) added" }
            if (before.tls == nil) != (listener.tls == nil) {
                return "\(listener.address) \(listener.tls == nil ? "without TLS" : "with TLS")"
            }
            let isSame = (before.publicURL, before.trustedProxies) == (listener.publicURL, listener.trustedProxies)
            return isSame ? nil : "\(listener.address) changed"
        }
        return kept + pairing.ending.map { "\(old.listeners[$0].address) removed" }
    }

    /// Those of listeners that had one before.
    private var certificates: [String] {
        zip(ListenerPairing(from: old.listeners, to: new.listeners).predecessors, new.listeners).compactMap {
            predecessor, listener in
            guard let before = predecessor.flatMap({ old.listeners[$0].tls }), let now = listener.tls else { return nil }
            return before == now ? nil : now.certificate
        }
    }
}
