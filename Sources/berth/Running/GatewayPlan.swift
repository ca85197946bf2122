import AWS
import Access
import Configuration
import Crypto
import FoundationEssentials
import Gateway
import Logging
import Transport

/// Everything that a configuration is made into, complete before any of it is used: `serve` runs a plan, a reload replaces the running plan by
/// another one, and `check` only makes one.
struct GatewayPlan: Sendable {
    let settings: Settings
    let keepers: TokenKeepers
    /// What the workers read.
    let snapshot: ConfigurationSnapshot
    let outbound: OutboundSettings
    /// nil: nothing is kept.
    let cache: GatewayCache?
    /// Signs bearer tokens if there is no `token_key_file`. Reloads keep it, so that tokens stay valid.
    let ownTokenKey: Secret<[UInt8]>

    /// - Parameters:
    ///   - running: the plan to be replaced. What is the same in both is taken from it: tokens, counters, remembered logins.
    ///   - ownTokenKey: of the process before this one; nil: a random one.
    ///   - cache: that of the configuration, for a plan that is to run.
    /// - Throws: all problems.
    init(
        _ settings: Settings, loop: EventLoop, log: Logger, running: GatewayPlan? = nil, ownTokenKey: Secret<[UInt8]>? = nil,
        cache: GatewayCache? = nil
    ) throws(ConfigurationProblems) {
        var problems: [String] = []
        let outbound: OutboundSettings?
        do {
            let isUnchanged = running?.settings.caFile == settings.caFile
            outbound = try isUnchanged ? running?.outbound ?? OutboundSettings(settings) : OutboundSettings(settings)
        } catch {
            problems.append("\(error)")
            outbound = nil
        }
        let ownTokenKey = running?.ownTokenKey ?? ownTokenKey ?? Secret(randomBytes(32))
        var builder = UpstreamBuilder(settings, loop: loop, log: log, running: running)
        var upstreams: [Upstream] = []
        for upstream in settings.upstreams {
            do throws(CredentialError) { upstreams.append(try builder.build(upstream)) } catch {
                problems.append("upstreams: '\(upstream.name)': \(error)")
            }
        }
        guard problems.isEmpty, let outbound else { throw ConfigurationProblems(lines: problems) }
        (self.settings, self.outbound, self.ownTokenKey, self.cache) = (settings, outbound, ownTokenKey, cache)
        keepers = builder.keepers
        snapshot = try ConfigurationSnapshot(
            settings, upstreams: upstreams, users: Self.users(of: settings, running: running, ownTokenKey),
            replacing: running?.snapshot, cache: cache?.store)
    }

    private static func users(of settings: Settings, running: GatewayPlan?, _ ownTokenKey: Secret<[UInt8]>) -> UserDirectory {
        if let running, running.settings.tokenKey == settings.tokenKey,
            (running.settings.users, running.settings.anonymous) == (settings.users, settings.anonymous)
        {
            return running.snapshot.users
        }
        // Those of `users_file` share one list, which is compiled once.
        var shared: (rules: [AccessRule], table: AccessTable)?
        let users = settings.users.map { user in
            let table = shared.flatMap { $0.rules == user.access ? $0.table : nil } ?? AccessTable(user.access)
            shared = (user.access, table)
            return (user.credential, Principal(name: user.name, access: table))
        }
        let anonymous = settings.anonymous.map { Principal(name: "anonymous", rules: $0) }
        return UserDirectory(
            generation: (running?.snapshot.users.generation ?? 0) + 1, users: users, anonymous: anonymous,
            tokenKey: settings.tokenKey ?? ownTokenKey)
    }

    /// Every registry that cannot serve now, with the reason; empty: all can.
    var problems: [String] {
        snapshot.upstreams.flatMap(\.registries).compactMap { registry in
            registry.problem(at: Date()).map { "\(registry.name): \($0)" }
        }
    }

    /// As `/readyz` judges: some upstream can, by itself or by a fallback.
    var canServe: Bool { snapshot.upstreams.contains { $0.registries.contains { $0.problem(at: Date()) == nil } } }

    /// Expired certificates stay in use, for clients that do not check.
    func warnOfExpiredCertificates(_ log: Logger) {
        for files in settings.listeners.compactMap(\.tls) where files.server.expiresAt < Int(Date().timeIntervalSince1970) {
            log.warning("the certificate has expired; renew it", metadata: ["certificate": "\(files.certificate)"])
        }
    }
}

extension Settings {
    func logWarnings(_ log: Logger) {
        for warning in warnings { log.warning("configuration", metadata: ["warning": "\(warning)"]) }
    }

    var workerCount: Int { workers ?? coreCount() }
}
