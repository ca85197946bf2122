import AWS
import Access
import Configuration
import Crypto
import Foundation
import Gateway
import HTTP
import Logging
import Transport

/// What a configuration comes to, as a whole or not at all, before any of it acts: `serve` runs it, a reload puts it in the place of the one that
/// runs, and `check` only makes it.
struct GatewayPlan: Sendable {
    let settings: Settings
    let keepers: TokenKeepers
    /// What the workers are to read.
    let site: Site
    let outbound: OutboundSettings
    /// What signs bearer tokens where no `token_key_file` does. Kept over reloads, so that tokens stay good.
    private let ownTokenKey: Secret<[UInt8]>

    /// - Parameter running: what is the same in both goes on as it is: tokens, counters, remembered logins.
    /// - Throws: every problem.
    init(_ settings: Settings, loop: EventLoop, log: Logger, running: GatewayPlan? = nil) throws(ConfigurationProblems) {
        var problems: [String] = []
        let outbound: OutboundSettings?
        do { outbound = try running?.outbound ?? OutboundSettings(settings) } catch {
            problems.append("\(error)")
            outbound = nil
        }
        let users: UserDirectory?
        let ownTokenKey = running?.ownTokenKey ?? Secret(randomBytes(32))
        do throws(ConfigurationProblems) { users = try Self.users(of: settings, running: running, ownTokenKey) } catch {
            problems += error.lines
            users = nil
        }
        var builder = UpstreamBuilder(settings, loop: loop, log: log, running: running)
        var upstreams: [Upstream] = []
        for upstream in settings.upstreams {
            do throws(CredentialError) { upstreams.append(try builder.build(upstream)) } catch {
                problems.append("upstreams: '\(upstream.name)': \(error)")
            }
        }
        guard problems.isEmpty, let outbound, let users else { throw ConfigurationProblems(lines: problems) }
        (self.settings, self.outbound, self.ownTokenKey) = (settings, outbound, ownTokenKey)
        keepers = builder.keepers
        site = try Site(settings, upstreams: upstreams, users: users)
    }

    private static func users(
        of settings: Settings, running: GatewayPlan?, _ ownTokenKey: Secret<[UInt8]>
    ) throws(ConfigurationProblems) -> UserDirectory {
        if let running, running.settings.tokenKey == settings.tokenKey,
            (running.settings.users, running.settings.anonymous) == (settings.users, settings.anonymous)
        {
            return running.site.users
        }
        let users = try settings.users.map { user throws(ConfigurationProblems) -> (credential: Credential, principal: Principal) in
            let principal = Principal(name: user.name, rules: user.access.map(Rule.init))
            switch user.password {
            case .plain(let password): return (.plain(.init(Array(password.reveal.utf8))), principal)
            case .hash(let text):
                // The configuration has checked its format.
                guard let hash = PasswordHash(text.reveal) else {
                    throw ConfigurationProblems(
                        lines: ["users: the password_hash of '\(user.name)' is not known; make one with berth hash-password"])
                }
                return (.hash(hash), principal)
            }
        }
        let anonymous = settings.anonymous.map { Principal(name: "anonymous", rules: $0.map(Rule.init)) }
        return UserDirectory(
            generation: (running?.site.users.generation ?? 0) + 1, users: users, anonymous: anonymous,
            tokenKey: settings.tokenKey ?? ownTokenKey)
    }

    /// Certificates that have ended: clients refuse them, Berth serves on for those that do not look.
    func warnOfEndedCertificates(_ log: Logger) {
        for files in settings.listeners.compactMap(\.tls) where files.server.expiresAt < Int(Date().timeIntervalSince1970) {
            log.warning("the certificate has ended; renew it and reload", metadata: ["certificate": "\(files.certificate)"])
        }
    }
}

extension Rule {
    init(_ rule: Settings.AccessRule) {
        self.init(
            repositories: rule.repositories, actions: rule.actions, host: rule.host.map(HostName.init(checked:)),
            namespace: rule.namespace.map(HostName.init(checked:)))
    }
}

extension Settings {
    func logWarnings(_ log: Logger) {
        for warning in warnings { log.warning("configuration", metadata: ["warning": "\(warning)"]) }
    }

    var workerCount: Int { workers ?? ProcessInfo.processInfo.activeProcessorCount }
}
