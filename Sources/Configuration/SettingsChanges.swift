import Transport

/// The difference between a running configuration and a new one, for a reload.
package struct SettingsChanges {
    private let old: Settings
    private let new: Settings

    /// - Parameter old: the running configuration.
    package init(from old: Settings, to new: Settings) { (self.old, self.new) = (old, new) }

    /// Keys that differ and that only a restart can change: what they configure is set up once, at start.
    package var keysTakingRestart: [String] { Self.fixed.filter { !$0.isEqual(old, new) }.map(\.key) }

    /// What changed, by names and never by values: `upstreams: hub added; users: ci changed; routes`. Empty: nothing.
    package var summary: String {
        let named = [
            ("upstreams", Self.differences(old.upstreams, new.upstreams, by: \.name)),
            ("users", Self.differences(old.users, new.users, by: \.name)),
            ("certificates", Self.certificates(old.listeners, new.listeners)),
        ].filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1.joined(separator: ", "))" }
        return (named + Self.reloaded.filter { !$0.isEqual(old, new) }.map(\.key)).joined(separator: "; ")
    }

    static let fixed: [Key] = [
        Key("listeners[].address") { $0.listeners.map(\.address) }, Key("admin.address") { $0.admin }, Key("ca_file") { $0.caFile },
        Key("limits.failed_logins_per_minute") { $0.limits.failedLoginsPerMinute }, Key("log") { $0.log },
        Key("workers") { $0.workers },
    ]

    private static let reloaded: [Key] = [
        Key("routes") { $0.routes }, Key("anonymous") { $0.anonymous }, Key("connect_to") { $0.connectTo },
        // Without their certificates, which are reported by themselves.
        Key("listeners") {
            $0.listeners.map {
                Settings.Listener(address: $0.address, publicURL: $0.publicURL, trustedProxies: $0.trustedProxies)
            }
        },
        Key("limits") { $0.limits }, Key("timeouts") { $0.timeouts }, Key("token_key_file") { $0.tokenKey },
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

    private static func certificates(_ old: [Settings.Listener], _ new: [Settings.Listener]) -> [String] {
        zip(old, new).filter { $0.tls != $1.tls }.map { old, new in
            new.tls.map(\.certificate) ?? old.tls.map { "\($0.certificate) removed" } ?? ""
        }
    }
}
