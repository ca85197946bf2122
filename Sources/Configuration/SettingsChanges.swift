/// What a reload has to know of two configurations: what it may not take up, and what it did.
extension Settings {
    /// Keys that differ and that a running process cannot change: what they say is in use from its start to its end.
    package func keysTakingRestart(since running: Settings) -> [String] {
        Self.fixed.filter { !$0.isEqual(self, running) }.map(\.key)
    }

    /// The keys that take a restart. All others are taken up by a reload.
    static let fixed: [Key] = [
        Key("listeners[].address") { $0.listeners.map(\.address) }, Key("admin.address") { $0.admin }, Key("ca_file") { $0.caFile },
        Key("limits.failed_logins_per_minute") { $0.limits.failedLoginsPerMinute }, Key("log") { $0.log },
        Key("workers") { $0.workers },
    ]

    /// What has changed, by names and never by values: `upstreams: hub added; users: ci changed; routes`. Empty: nothing.
    package func changes(since running: Settings) -> String {
        let named = [
            ("upstreams", Self.differences(upstreams, running.upstreams, by: \.name)),
            ("users", Self.differences(users, running.users, by: \.name)),
            ("certificates", Self.certificates(listeners, running.listeners)),
        ].filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1.joined(separator: ", "))" }
        let plain = Self.plain.filter { !$0.isEqual(self, running) }.map(\.key)
        return (named + plain).joined(separator: "; ")
    }

    private static let plain: [Key] = [
        Key("routes") { $0.routes }, Key("anonymous") { $0.anonymous }, Key("connect_to") { $0.connectTo },
        Key("listeners") {
            $0.listeners.map { Listener(address: $0.address, publicURL: $0.publicURL, trustedProxies: $0.trustedProxies) }
        },
        Key("limits") { $0.limits }, Key("timeouts") { $0.timeouts }, Key("token_key_file") { $0.tokenKey },
    ]

    /// A part of the configuration, compared.
    struct Key: Sendable {
        let key: String
        let isEqual: @Sendable (Settings, Settings) -> Bool

        init(_ key: String, _ value: @escaping @Sendable (Settings) -> some Equatable & SendableMetatype) {
            self.key = key
            isEqual = { value($0) == value($1) }
        }
    }

    private static func differences<Item: Equatable>(_ new: [Item], _ old: [Item], by name: (Item) -> String) -> [String] {
        let before = Dictionary(old.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
        let now = Set(new.map(name))
        return new.filter { before[name($0)] != $0 }.map { "\(name($0)) \(before[name($0)] == nil ? "added" : "changed")" }
            + old.map(name).filter { !now.contains($0) }.map { "\($0) removed" }
    }

    private static func certificates(_ new: [Listener], _ old: [Listener]) -> [String] {
        zip(new, old).filter { $0.tls != $1.tls }.map { new, old in
            new.tls.map(\.certificate) ?? old.tls.map { "\($0.certificate) removed" } ?? ""
        }
    }
}
