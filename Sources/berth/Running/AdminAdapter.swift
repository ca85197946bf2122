import AWS
import Admin
import Cache
import Configuration
import Crypto
import FoundationEssentials
import Gateway
import HTTP
import Logging
import Registry
import Telemetry
import Transport

/// What the admin listener shows and does, taken from a running gateway.
struct AdminAdapter: Sendable {
    private let control: ControlPlane
    private let dataPlane: DataPlane
    private let metrics: MetricsText
    private let started = ContinuousClock.now

    init(_ control: ControlPlane, _ dataPlane: DataPlane) {
        (self.control, self.dataPlane) = (control, dataPlane)
        metrics = MetricsText(workers: dataPlane.metrics, version: ProgramVersion.text)
    }

    var sources: AdminSources {
        AdminSources(
            version: ProgramVersion.text, logLevels: Logger.Level.allCases.map(\.rawValue),
            isDraining: { await control.isDraining },
            upstreams: { await upstreams() },
            cache: { await control.plan.cache.map(cache) },
            traffic: { traffic() },
            transfers: { dataPlane.transfers.map(Self.transfer) },
            usage: { await Self.usage(dataPlane.usage) },
            errors: { dataPlane.errors.latest().map(Self.error) },
            certificates: { await certificates() },
            configuration: { await configuration() },
            logLevel: { await control.logLevel.rawValue },
            metrics: { await metricsText() },
            isToken: { presented in
                await control.plan.settings.adminToken.map { constantTimeEqual($0.reveal, presented) }
            },
            refresh: { name in await refresh(name) },
            emptyCache: { await control.plan.cache?.empty() },
            reload: {
                let outcome = await control.reload(because: .api)
                return (outcome.changes, outcome.problems)
            },
            setLogLevel: { name in
                guard let level = Logger.Level(rawValue: name) else { return }
                await control.setLogLevel(level)
            })
    }

    /// Not on the loop, which thousands of repositories would hold up.
    @concurrent private func metricsText() async -> [UInt8] {
        let plan = await control.plan, upstreams = plan.snapshot.upstreams
        return metrics.render(
            tokens: upstreams.flatMap(Self.tokens), upstreams: upstreams.map(\.metrics),
            registries: upstreams.flatMap(\.registries).map(Self.figures), traffic: dataPlane.traffic,
            usage: dataPlane.usage.report(), certificates: certificates(of: plan.settings),
            cache: plan.cache.map { Self.figures($0.store.status()) }, reload: await control.reloadFigures)
    }

    private func certificates(of settings: Settings) -> [CertificateFigures] {
        zip(settings.listeners, dataPlane.addresses).compactMap { listener, address in
            listener.tls.map { CertificateFigures(listener: "\(address)", expiry: Double($0.server.expiresAt)) }
        }
    }

    private static func figures(_ cache: CacheStatus) -> CacheFigures {
        CacheFigures(
            bytes: cache.bytes, size: cache.settings.size, evictions: cache.evictions, corruptions: cache.corruptions,
            isOff: cache.state.isOff)
    }

    private static func tokens(of upstream: Upstream) -> [TokenFigures] {
        upstream.registries.map { registry in
            let state = registry.keeper.state.current
            return TokenFigures(
                upstream: upstream.name, fallback: registry === upstream ? nil : registry.host,
                expiry: state.expiresAt?.timeIntervalSince1970, refreshesSucceeded: state.refreshesSucceeded,
                refreshesFailed: state.refreshesFailed)
        }
    }

    /// Without a token, a registry is not used.
    private static func figures(_ registry: Upstream) -> RegistryFigures {
        let hasToken = registry.keeper.state.current.isReady(at: Date())
        return RegistryFigures(upstream: registry.name, registry: registry.host, state: hasToken ? registry.state.value : 0)
    }

    /// The tokens of the upstream's registry and of its fallbacks.
    private func refresh(_ name: String) async -> [RefreshOutcome]? {
        guard let upstream = await control.plan.snapshot.upstreams.first(where: { $0.name == name }) else { return nil }
        return await withTaskGroup { group in
            for (position, registry) in upstream.registries.enumerated() {
                group.addTask {
                    let isFetched = await registry.keeper.refresh(within: .seconds(20)) != nil
                    let problem = isFetched ? nil : registry.keeper.state.current.lastError
                    return (position, RefreshOutcome(registry: registry.host, fetched: isFetched, problem: problem))
                }
            }
            return await group.reduce(into: [(Int, RefreshOutcome)]()) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    // MARK: The gateway's state

    private func upstreams() async -> [UpstreamStatus] {
        let plan = await control.plan
        let now = Date()
        return plan.snapshot.upstreams.map { upstream in
            let own = Self.registry(upstream, now), fallbacks = upstream.fallbacks.map { Self.registry($0, now) }
            var status = UpstreamStatus(
                name: upstream.name, registry: own.registry, ready: own.ready || fallbacks.contains(where: \.ready),
                tokenState: own.tokenState)
            (status.registryReady, status.breaker, status.fallbacks) = (own.ready, own.breaker, fallbacks)
            let token = upstream.keeper.state.current
            let credentials = plan.keepers.all.first { $0.token === upstream.keeper }?.credentials
            status.credentials = credentials?.foundIn.current
            (status.credentialsExpire, status.credentialsProblem) = credentials?.condition.current ?? (nil, nil)
            (status.tokenFetched, status.tokenExpires) = (token.fetchedAt, token.expiresAt)
            status.tokenRenews = token.nextFetchAt
            status.problem = own.problem
            return status
        }
    }

    private static func registry(_ upstream: Upstream, _ now: Date) -> RegistryStatus {
        let token = upstream.keeper.state.current, problem = upstream.problem(at: now)
        var status = RegistryStatus(
            registry: upstream.host, ready: problem == nil,
            breaker: RegistryStatus.Breaker(rawValue: upstream.state.rawValue) ?? .closed,
            tokenState: .init(expires: token.expiresAt, isRenewalFailing: token.lastError != nil, now: now))
        status.tokenExpires = token.expiresAt
        // Both, where the name cannot be resolved either.
        let failure = token.lastError.flatMap { problem?.contains($0) == true ? nil : $0 }
        let problems = [problem, failure].compactMap(\.self)
        status.problem = problems.isEmpty ? nil : problems.joined(separator: "; ")
        return status
    }

    private func cache(_ cache: GatewayCache) -> CacheCondition {
        let status = cache.store.status(oldest: Self.shownOldest)
        var condition = CacheCondition(
            directory: cache.directory, state: status.state.name, problem: status.state.reason, size: status.settings.size,
            staleSeconds: status.settings.stale)
        (condition.bytes, condition.memoryBytes) = (status.bytes, status.memoryBytes)
        (condition.entries, condition.tags, condition.fills) = (status.entries, status.tags, status.fills)
        (condition.evictions, condition.corruptions) = (status.evictions, status.corruptions)
        for (result, count) in ServedTotals(of: dataPlane.metrics).cacheRequests { condition.requests[result] = count }
        condition.oldest = status.oldest.map {
            .init(
                digest: "\($0.digest)", size: $0.size, mediaType: $0.mediaType,
                lastUsed: Date(timeIntervalSince1970: TimeInterval($0.lastUse)))
        }
        return condition
    }

    /// Of the contents that would be removed next.
    private static let shownOldest = 5

    private func traffic() -> TrafficStatus {
        let served = ServedTotals(of: dataPlane.metrics), bytes = dataPlane.traffic
        return TrafficStatus(
            time: Date(), uptimeSeconds: started.duration(to: .now) / .seconds(1),
            requests: served.requests.map { .init(operation: $0.operation, status: $0.status, count: $0.count) },
            bytes: [
                "received_from_client": bytes.receivedFromClient, "sent_to_client": bytes.sentToClient,
                "sent_upstream": bytes.sentUpstream, "received_upstream": bytes.receivedUpstream,
            ],
            connections: .init(active: served.activeExchanges, idle: max(served.openConnections - served.activeExchanges, 0)),
            exchangesInFlight: served.activeExchanges)
    }

    private static func transfer(_ transfer: TransferFigures) -> TransferStatus {
        TransferStatus(
            id: transfer.id, user: transfer.user, client: transfer.client, operation: transfer.operation,
            repository: transfer.repository, upstream: transfer.upstream, started: Date(timeIntervalSince1970: transfer.started),
            bytes: transfer.bytes, total: transfer.total)
    }

    private static func error(_ error: RecentError) -> ErrorStatus {
        var status = ErrorStatus(time: Date(timeIntervalSince1970: error.time), message: error.message)
        status.firstTime = Date(timeIntervalSince1970: error.firstTime)
        (status.count, status.level, status.rejection, status.fix) = (error.count, error.level, error.isRejection, error.fix)
        (status.requestID, status.operation, status.repository) = (error.requestID, error.operation, error.repository)
        (status.user, status.client, status.upstream) = (error.user, error.client, error.upstream)
        (status.status, status.end, status.reason) = (error.status, error.end, error.reason)
        return status
    }

    /// Not on the loop, which thousands of repositories would hold up.
    @concurrent private static func usage(_ usage: Usage) async -> UsageReading {
        func status(_ figures: UsageFigures, repository: String? = nil, user: String? = nil) -> UsageStatus {
            UsageStatus(
                repository: repository, user: user, requests: figures.requests, pulls: figures.pulls, pushes: figures.pushes,
                bytesSent: figures.sentToClient, bytesReceived: figures.receivedFromClient,
                lastUsed: figures.lastUsed.map { Date(timeIntervalSince1970: $0) })
        }
        let report = usage.report()
        return UsageReading(
            since: Date(timeIntervalSince1970: report.since),
            repositories: report.byRepository().map { status($0.figures, repository: $0.name) },
            users: report.byUser().map { status($0.figures, user: $0.name) },
            pairs: report.rows.map { status($0.figures, repository: $0.repository, user: $0.user) },
            rest: report.rest.requests > 0 ? status(report.rest) : nil)
    }

    private func certificates() async -> [CertificateStatus] {
        let listeners = await control.plan.settings.listeners
        return zip(listeners, dataPlane.addresses).compactMap { listener, address in
            listener.tls.map { files in
                CertificateStatus(
                    listener: "\(address)", file: files.certificate,
                    expires: Date(timeIntervalSince1970: TimeInterval(files.server.expiresAt)))
            }
        }
    }

    private func configuration() async -> ConfigurationStatus {
        let settings = await control.plan.settings
        return ConfigurationStatus(
            file: settings.origin, lastLoaded: Date(timeIntervalSince1970: await control.reloadFigures.lastSuccess),
            lastReload: await control.lastReload.map {
                .init(time: $0.at, cause: $0.cause.rawValue, changes: $0.changes, problems: $0.problems)
            },
            listeners: zip(settings.listeners, dataPlane.addresses).map { listener, address in
                .init(
                    address: "\(address)", tls: listener.tls != nil, clientCertificates: listener.tls?.clientCA != nil,
                    publicURL: listener.publicURL.map { "\($0)" })
            },
            adminAddress: "\(await control.adminAddress)",
            routes: settings.routes.map { route in
                .init(
                    host: route.host.map { "\($0)" }, namespace: route.namespace.map { "\($0)" },
                    prefix: String(decoding: route.prefix, as: UTF8.self), upstream: route.upstream,
                    upstreamPrefix: String(decoding: route.upstreamPrefix, as: UTF8.self))
            },
            users: settings.users.count, anonymous: settings.anonymous != nil)
    }
}
