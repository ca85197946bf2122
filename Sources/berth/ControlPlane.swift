import AWS
import Access
import Admin
import Configuration
import Crypto
import Foundation
import Gateway
import Logging
import Telemetry
import Transport

/// Everything that is not on the data path: keepers of tokens, the site that workers read, the admin listener. On the control loop.
actor ControlPlane {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    nonisolated let upstreams: [Upstream]
    private let keepers: TokenKeepers
    /// By the keeper of the token that they fetch.
    private let credentials: [ObjectIdentifier: CredentialKeeper]
    private let reading: @Sendable () throws(ConfigurationProblems) -> Settings
    private var settings: Settings
    private var generation = 1
    /// Kept over reloads: tokens stay good where no `token_key_file` says otherwise.
    private let tokenKey = Secret(randomBytes(32))
    private(set) var isDraining = false
    private let log: Logger

    /// - Parameter reading: how the configuration is read, at start and at each reload.
    init(
        loop: EventLoop, settings: Settings, log: Logger, reading: @escaping @Sendable () throws(ConfigurationProblems) -> Settings
    ) throws {
        (self.loop, self.settings, self.log, self.reading) = (loop, settings, log, reading)
        let clients = AWSClients(settings, loop: loop, log: log)
        var keepers = TokenKeepers()
        var credentials: [ObjectIdentifier: CredentialKeeper] = [:]
        var upstreams: [Upstream] = []
        for (index, upstream) in settings.upstreams.enumerated() {
            let source = try clients.credentials(of: upstream)
            let keeper = try keepers.keeper(of: try clients.identity(of: upstream)) {
                TokenKeeper(
                    name: upstream.name, loop: loop, log: log, fetch: try clients.tokens(of: upstream, credentials: source))
            }
            // Upstreams of one identity: the first one's fetch the token.
            credentials[ObjectIdentifier(keeper)] = credentials[ObjectIdentifier(keeper)] ?? source
            let creator = try upstream.createRepositories.map {
                RepositoryCreator(
                    loop: loop, client: try clients.ecr(of: upstream, credentials: source), registryID: upstream.registry.account,
                    template: $0.template, log: log)
            }
            let directory =
                upstream.registry.isPublic
                ? nil
                : RepositoryDirectory(
                    loop: loop, client: try clients.ecr(of: upstream, credentials: source), registryID: upstream.registry.account)
            upstreams.append(
                Upstream(
                    index: index, settings: upstream, connectTo: settings.connectTo, keeper: keeper, creator: creator,
                    directory: directory))
        }
        (self.keepers, self.credentials, self.upstreams) = (keepers, credentials, upstreams)
    }

    func start() async {
        for keeper in keepers.all { await keeper.start() }
    }

    /// `/readyz` says so from now on.
    func beginDrain() { isDraining = true }

    // MARK: The site

    /// What the workers are to read.
    func site() throws -> Site {
        try Site(settings, upstreams: upstreams, users: try users())
    }

    private func users() throws -> UserDirectory {
        let users = try settings.users.map { user -> (credential: Credential, principal: Principal) in
            let principal = Principal(name: user.name, rules: user.access.map(Rule.init))
            switch user.password {
            case .plain(let password): return (.plain(.init(Array(password.reveal.utf8))), principal)
            case .hash(let text):
                // The configuration has checked its format.
                guard let hash = PasswordHash(text.reveal) else {
                    throw CannotStart("users: the password_hash of '\(user.name)' is not known")
                }
                return (.hash(hash), principal)
            }
        }
        let anonymous = settings.anonymous.map { Principal(name: "anonymous", rules: $0.map(Rule.init)) }
        return UserDirectory(
            generation: generation, users: users, anonymous: anonymous, tokenKey: settings.tokenKey ?? tokenKey)
    }

    /// Users, routes and certificates; what else has changed takes a restart. Empty: done. Otherwise every problem, and all is as it was.
    func reload(into dataPlane: DataPlane) -> [String] {
        do throws(ConfigurationProblems) {
            let read = try reading()
            var next = settings
            (next.users, next.anonymous, next.routes) = (read.users, read.anonymous, read.routes)
            (next.tokenKey, next.warnings) = (read.tokenKey, read.warnings)
            if read.listeners.map(\.address) == settings.listeners.map(\.address) { next.listeners = read.listeners }
            let before = settings
            settings = next
            generation += 1
            do {
                dataPlane.publish(try site())
            } catch {
                settings = before
                return ["\(error)"]
            }
            let waiting = Self.takingRestart(read, against: before)
            if !waiting.isEmpty {
                log.warning(
                    "changed, and taken up at the next start only", metadata: ["keys": "\(waiting.joined(separator: ", "))"])
            }
            next.logWarnings(log)
            log.notice("reloaded", metadata: ["users": "\(next.users.count)", "routes": "\(next.routes.count)"])
            return []
        } catch {
            for line in error.lines { log.error("not reloaded", metadata: ["problem": "\(line)"]) }
            return error.lines
        }
    }

    /// The top-level keys that a reload does not take up and that differ. By what they print: secrets are in none of them.
    private static func takingRestart(_ read: Settings, against running: Settings) -> [String] {
        func parts(_ settings: Settings) -> [(String, String)] {
            [
                ("listeners", "\(settings.listeners.map(\.address))"), ("admin", "\(settings.admin)"),
                ("upstreams", "\(settings.upstreams)"), ("connect_to", "\(settings.connectTo.sorted { $0.key < $1.key })"),
                ("ca_file", "\(settings.caFile ?? "")"), ("limits", "\(settings.limits)"), ("timeouts", "\(settings.timeouts)"),
                ("log", "\(settings.log)"), ("workers", "\(settings.workers ?? 0)"),
            ]
        }
        return zip(parts(read), parts(running)).filter { $0.1 != $1.1 }.map(\.0.0)
    }

    // MARK: What the admin listener asks

    nonisolated func adminSources(_ dataPlane: DataPlane) -> AdminSources {
        let metrics = MetricsText(workers: dataPlane.metrics, version: Berth.version)
        return AdminSources(
            version: Berth.version,
            isDraining: { [self] in await isDraining },
            upstreams: { [self] in await statuses() },
            metrics: { [upstreams] in metrics.render(tokens: upstreams.map(Self.figures)) },
            refresh: { [upstreams] name in
                guard let upstream = upstreams.first(where: { $0.name == name }) else { return nil }
                return await upstream.keeper.refresh(within: .seconds(20)) != nil
            },
            reload: { [self] in await reload(into: dataPlane) })
    }

    private static func figures(_ upstream: Upstream) -> TokenFigures {
        let state = upstream.keeper.state.current
        return TokenFigures(
            upstream: upstream.name, expiry: state.expiresAt?.timeIntervalSince1970, refreshesSucceeded: state.refreshesSucceeded,
            refreshesFailed: state.refreshesFailed)
    }

    private func statuses() -> [UpstreamStatus] {
        zip(upstreams, settings.upstreams).map { upstream, configured in
            let state = upstream.keeper.state.current
            return UpstreamStatus(
                name: upstream.name, registry: configured.registry.host, ready: state.isReady(at: Date()),
                credentials: credentials[ObjectIdentifier(upstream.keeper)]?.foundIn.current,
                tokenExpires: state.expiresAt.map { ISO8601DateFormatter().string(from: $0) }, problem: state.lastError)
        }
    }
}

/// What stands in the way of a start, for the person who started it.
struct CannotStart: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Rule {
    init(_ rule: Settings.AccessRule) {
        self.init(repositories: rule.repositories, actions: rule.actions, host: rule.host, namespace: rule.namespace)
    }
}

extension Settings {
    func logWarnings(_ log: Logger) {
        for warning in warnings { log.warning("configuration", metadata: ["warning": "\(warning)"]) }
    }
}

extension Settings.RepositoryCreation {
    var template: RepositoryTemplate {
        RepositoryTemplate(
            tagMutability: tagMutability, scanOnPush: scanOnPush, kmsKey: kmsKey, tags: tags, policy: policy,
            lifecyclePolicy: lifecyclePolicy)
    }
}
