import Synchronization

/// The state of a registry's authorization token.
package struct TokenFigures: Sendable {
    /// The upstream's name in the configuration.
    package let upstream: String
    /// The host of a fallback; nil: the upstream's own registry, whose series have no such label.
    package let fallback: String?
    /// Seconds since 1970; nil without a token.
    package let expiry: Double?
    /// Since the start.
    package let refreshesSucceeded: Int, refreshesFailed: Int

    /// For one registry.
    package init(upstream: String, fallback: String? = nil, expiry: Double?, refreshesSucceeded: Int, refreshesFailed: Int) {
        (self.upstream, self.fallback, self.expiry) = (upstream, fallback, expiry)
        (self.refreshesSucceeded, self.refreshesFailed) = (refreshesSucceeded, refreshesFailed)
    }

    fileprivate var labels: [(String, String)] { [("upstream", upstream)] + (fallback.map { [("registry", $0)] } ?? []) }
}

/// Bytes that crossed the sockets of each side, above TLS: heads, bodies and framing.
package struct TrafficFigures: Sendable {
    /// Since the start.
    package var receivedFromClient = 0, sentToClient = 0, sentUpstream = 0, receivedUpstream = 0

    /// Nothing yet.
    package init() {}
}

/// All metrics in Prometheus' text format 0.0.4. Dashboards and alerts depend on the names, so they must not change.
package struct MetricsText: Sendable {
    private let workers: [WorkerMetrics]
    private let version: String

    /// Repositories and users that have series of their own: each series costs the monitoring memory, and names come and go.
    private static let maxSeries = 1000

    /// - Parameters:
    ///   - workers: their metrics are added up. All have the same labels.
    ///   - version: Berth's, shown in `berth_build_info`.
    package init(workers: [WorkerMetrics], version: String) { (self.workers, self.version) = (workers, version) }

    /// All metrics, for an exporter's response.
    package func render(
        tokens: [TokenFigures], upstreams: [UpstreamMetrics], registries: [RegistryFigures], traffic bytes: TrafficFigures,
        usage: UsageReport, certificates: [CertificateFigures], cache: CacheFigures?, reload: ReloadFigures
    ) -> [UInt8] {
        var page = Exposition()
        requests(&page)
        durations(&page)
        traffic(&page, bytes)
        self.tokens(&page, tokens)
        self.upstreams(&page, upstreams)
        page.metric(
            "berth_upstream_state", "gauge",
            "Whether the registry is used: 1 yes, 0 no, since it failed or has no token, 0.5 the next request tries it.",
            registries.map { ([("upstream", $0.upstream), ("registry", $0.registry)], String($0.state)) })
        self.usage(&page, usage)
        logins(&page)
        if let cache { self.cache(&page, cache) }
        page.metric(
            "berth_certificate_expiry_timestamp_seconds", "gauge", "When the listener's certificate expires.",
            certificates.map { ([("listener", $0.listener)], "\($0.expiry)") })
        reloads(&page, reload)
        page.metric("berth_build_info", "gauge", "The running version.", [([("version", version)], "1")])
        ProcessFigures.current().append(to: &page)
        return Array(page.text.utf8)
    }

    private func sum(_ value: (WorkerMetrics) -> Int) -> Int { workers.reduce(0) { $0 + value($1) } }

    private func requests(_ page: inout Exposition) {
        guard let labels = workers.first else { return }
        var samples: [Exposition.Sample] = []
        for (index, operation) in labels.operations.enumerated() {
            for status in WorkerMetrics.statuses {
                let at = index * WorkerMetrics.statuses.count + status - WorkerMetrics.statuses.lowerBound
                let count = sum { $0.requests.value(at: at) }
                if count > 0 { samples.append(([("operation", operation), ("status", String(status))], String(count))) }
            }
        }
        page.metric("berth_requests_total", "counter", "Requests answered, by operation and status.", samples)
    }

    private func durations(_ page: inout Exposition) {
        guard let labels = workers.first else { return }
        let name = "berth_request_seconds"
        page.metric(name, "histogram", "From a request's head to the end of its response.", [])
        let width = WorkerMetrics.buckets.count + 1
        for (index, operation) in labels.operations.enumerated() {
            let counts = (0..<width).map { bucket in sum { $0.seconds.value(at: index * width + bucket) } }
            guard counts.contains(where: { $0 > 0 }) else { continue }
            page.histogram(
                name, [("operation", operation)], bounds: WorkerMetrics.buckets, counts: counts,
                sum: Double(sum { $0.secondsSum.value(at: index) }) / 1e6)
        }
    }

    private func traffic(_ page: inout Exposition, _ bytes: TrafficFigures) {
        let directions = [
            ("received_from_client", bytes.receivedFromClient), ("sent_to_client", bytes.sentToClient),
            ("sent_upstream", bytes.sentUpstream), ("received_upstream", bytes.receivedUpstream),
        ]
        page.metric(
            "berth_bytes_total", "counter", "Bytes of heads and bodies, inside TLS.",
            directions.map { direction, count in ([("direction", direction)], String(count)) })
        let open = sum { $0.openConnections.load(ordering: .relaxed) }
        let active = sum { $0.activeExchanges.load(ordering: .relaxed) }
        page.metric(
            "berth_connections", "gauge", "Connections of clients, by what they do.",
            [([("state", "active")], String(active)), ([("state", "idle")], String(max(open - active, 0)))])
        page.metric("berth_exchanges_in_flight", "gauge", "Requests in progress.", [([], String(active))])
        page.metric(
            "berth_connections_turned_away_total", "counter", "Connections rejected because a limit was reached.",
            [([], String(sum { $0.turnedAwayConnections.load(ordering: .relaxed) }))])
    }

    private func tokens(_ page: inout Exposition, _ tokens: [TokenFigures]) {
        page.metric(
            "berth_token_expiry_timestamp_seconds", "gauge", "When the authorization token expires.",
            tokens.compactMap { token in token.expiry.map { (token.labels, "\($0)") } })
        page.metric(
            "berth_token_refreshes_total", "counter", "Fetches of an authorization token, by result.",
            tokens.flatMap { token in
                [
                    (token.labels + [("result", "success")], String(token.refreshesSucceeded)),
                    (token.labels + [("result", "failure")], String(token.refreshesFailed)),
                ]
            })
    }

    private func upstreams(_ page: inout Exposition, _ upstreams: [UpstreamMetrics]) {
        var replays: [Exposition.Sample] = [], connections: [Exposition.Sample] = []
        for upstream in upstreams {
            for (number, reason) in upstream.replayReasons.enumerated() {
                replays.append(([("upstream", upstream.name), ("reason", reason)], String(upstream.replays.value(at: number))))
            }
            for (number, state) in ["idle", "active"].enumerated() {
                connections.append(([("upstream", upstream.name), ("state", state)], String(upstream.connections(number))))
            }
        }
        page.metric("berth_replays_total", "counter", "Requests sent to the registry again.", replays)
        page.metric("berth_upstream_connections", "gauge", "Connections to the registry.", connections)
        page.metric(
            "berth_upstream_responses_total", "counter", "Responses of the registry, by status.",
            upstreams.flatMap { upstream in
                upstream.responsesByStatus.map { status, count in
                    ([("upstream", upstream.name), ("status", String(status))], String(count))
                }
            })
        let name = "berth_upstream_request_seconds"
        page.metric(name, "histogram", "From the end of a request to the registry to the head of its response.", [])
        for upstream in upstreams {
            page.histogram(
                name, [("upstream", upstream.name)], bounds: WorkerMetrics.buckets, counts: upstream.secondsByBucket,
                sum: upstream.secondsSum)
        }
        page.metric(
            "berth_throttled_total", "counter", "Requests that were limited in their rate, by whom.",
            upstreams.flatMap { upstream in
                [("registry", upstream.throttleCount), ("gateway", upstream.delayCount)].map {
                    ([("upstream", upstream.name), ("by", $0.0)], String($0.1))
                }
            })
    }

    private func usage(_ page: inout Exposition, _ usage: UsageReport) {
        let repositories = Self.bounded(usage.byRepository(), usage.rest)
        func samples(_ value: (UsageFigures) -> Int) -> [Exposition.Sample] {
            repositories.map { ([("repository", $0.name)], String(value($0.figures))) }
        }
        page.metric("berth_repository_pulls_total", "counter", "Manifests read, by repository.", samples(\.pulls))
        page.metric("berth_repository_pushes_total", "counter", "Manifests written, by repository.", samples(\.pushes))
        page.metric(
            "berth_repository_bytes_total", "counter", "Bytes of blobs and manifests, by repository.",
            repositories.flatMap { total in
                [("sent_to_client", total.figures.sentToClient), ("received_from_client", total.figures.receivedFromClient)].map {
                    ([("repository", total.name), ("direction", $0.0)], String($0.1))
                }
            })
        page.metric(
            "berth_user_requests_total", "counter", "Requests, by user.",
            Self.bounded(usage.byUser(), usage.rest).map { ([("user", $0.name)], String($0.figures.requests)) })
    }

    /// The first ones to be used, so that no counter ever falls; the others in one, which a name may have too.
    private static func bounded(_ totals: [UsageTotal], _ rest: UsageFigures) -> [UsageTotal] {
        var shown = Array(totals.prefix(maxSeries))
        var others = UsageTotal(name: "other", figures: rest)
        if let position = shown.firstIndex(where: { $0.name == others.name }) {
            others.figures.add(shown.remove(at: position).figures)
        }
        for total in totals.dropFirst(maxSeries) { others.figures.add(total.figures) }
        if others.figures.requests > 0 { shown.append(others) }
        return shown
    }

    private func reloads(_ page: inout Exposition, _ reload: ReloadFigures) {
        page.metric(
            "berth_config_last_reload_successful", "gauge", "Whether the last reload of the configuration succeeded.",
            [([], reload.wasSuccessful ? "1" : "0")])
        page.metric(
            "berth_config_last_reload_success_timestamp_seconds", "gauge", "When the configuration was last loaded.",
            [([], "\(reload.lastSuccess)")])
    }

    private func cache(_ page: inout Exposition, _ cache: CacheFigures) {
        let results = workers.first?.cacheResults ?? []
        page.metric(
            "berth_cache_requests_total", "counter", "Requests for blobs and manifests, by what the cache had.",
            results.enumerated().map { index, result in
                ([("result", result)], String(sum { $0.cacheRequests.value(at: index) }))
            })
        page.metric("berth_cache_bytes", "gauge", "Bytes that the cache occupies on its disk.", [([], String(cache.bytes))])
        page.metric("berth_cache_size_bytes", "gauge", "Bytes that it may occupy, as configured.", [([], String(cache.size))])
        page.metric(
            "berth_cache_evictions_total", "counter", "Blobs and manifests removed to make room.", [([], String(cache.evictions))])
        page.metric(
            "berth_cache_corruptions_total", "counter", "Blobs and manifests with wrong bytes, on the disk or from the registry.",
            [([], String(cache.corruptions))])
        page.metric(
            "berth_cache_off", "gauge", "Whether the cache is not used, since its disk failed.", [([], cache.isOff ? "1" : "0")])
    }

    private func logins(_ page: inout Exposition) {
        guard let labels = workers.first else { return }
        page.metric(
            "berth_login_failures_total", "counter", "Logins refused, by reason.",
            labels.loginFailures.enumerated().map { index, reason in
                ([("reason", reason)], String(sum { $0.logins.value(at: index) }))
            })
    }
}
