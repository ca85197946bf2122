import Synchronization

/// The state of an upstream's authorization token.
package struct TokenFigures: Sendable {
    /// The upstream's name in the configuration.
    package let upstream: String
    /// Seconds since 1970; nil without a token.
    package let expiry: Double?
    /// Since the start.
    package let refreshesSucceeded: Int, refreshesFailed: Int

    /// For one upstream with its own token.
    package init(upstream: String, expiry: Double?, refreshesSucceeded: Int, refreshesFailed: Int) {
        (self.upstream, self.expiry) = (upstream, expiry)
        (self.refreshesSucceeded, self.refreshesFailed) = (refreshesSucceeded, refreshesFailed)
    }
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

    /// - Parameters:
    ///   - workers: their metrics are added up. All have the same labels.
    ///   - version: Berth's, shown in `berth_build_info`.
    package init(workers: [WorkerMetrics], version: String) { (self.workers, self.version) = (workers, version) }

    /// All metrics, for an exporter's response.
    package func render(tokens: [TokenFigures], upstreams: [UpstreamMetrics], traffic bytes: TrafficFigures, reload: ReloadFigures)
        -> [UInt8]
    {
        var text = ""
        requests(&text)
        durations(&text)
        traffic(&text, bytes)
        self.tokens(&text, tokens)
        self.upstreams(&text, upstreams)
        logins(&text)
        reloads(&text, reload)
        metric(&text, "berth_build_info", "gauge", "The running version.", [([("version", version)], "1")])
        ProcessFigures.current().append(to: &text, metric)
        return Array(text.utf8)
    }

    private typealias Sample = (labels: [(String, String)], value: String)

    private func metric(_ text: inout String, _ name: String, _ type: String, _ help: String, _ samples: [Sample]) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for sample in samples { line(&text, name, sample.labels, sample.value) }
    }

    private func line(_ text: inout String, _ name: String, _ labels: [(String, String)], _ value: String) {
        let list = labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
        text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
    }

    /// By scalars: a quote with a combining accent, or a line feed after a carriage return, is a single `Character`.
    private func escaped(_ value: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": result.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    private func sum(_ value: (WorkerMetrics) -> Int) -> Int { workers.reduce(0) { $0 + value($1) } }

    private func requests(_ text: inout String) {
        guard let labels = workers.first else { return }
        var samples: [Sample] = []
        for (index, operation) in labels.operations.enumerated() {
            for status in WorkerMetrics.statuses {
                let at = index * WorkerMetrics.statuses.count + status - WorkerMetrics.statuses.lowerBound
                let count = sum { $0.requests.value(at: at) }
                if count > 0 { samples.append(([("operation", operation), ("status", String(status))], String(count))) }
            }
        }
        metric(&text, "berth_requests_total", "counter", "Requests answered, by operation and status.", samples)
    }

    private func durations(_ text: inout String) {
        guard let labels = workers.first else { return }
        let name = "berth_request_seconds"
        metric(&text, name, "histogram", "From a request's head to the end of its response.", [])
        let width = WorkerMetrics.buckets.count + 1
        for (index, operation) in labels.operations.enumerated() {
            let counts = (0..<width).map { bucket in sum { $0.seconds.value(at: index * width + bucket) } }
            guard counts.contains(where: { $0 > 0 }) else { continue }
            var total = 0
            for (bucket, count) in counts.enumerated() {
                total += count
                let bound = bucket < WorkerMetrics.buckets.count ? "\(WorkerMetrics.buckets[bucket])" : "+Inf"
                line(&text, name + "_bucket", [("operation", operation), ("le", bound)], String(total))
            }
            let seconds = Double(sum { $0.secondsSum.value(at: index) }) / 1e6
            line(&text, name + "_sum", [("operation", operation)], "\(seconds)")
            line(&text, name + "_count", [("operation", operation)], String(total))
        }
    }

    private func traffic(_ text: inout String, _ bytes: TrafficFigures) {
        let directions = [
            ("received_from_client", bytes.receivedFromClient), ("sent_to_client", bytes.sentToClient),
            ("sent_upstream", bytes.sentUpstream), ("received_upstream", bytes.receivedUpstream),
        ]
        metric(
            &text, "berth_bytes_total", "counter", "Bytes of heads and bodies, inside TLS.",
            directions.map { direction, count in ([("direction", direction)], String(count)) })
        let open = sum { $0.openConnections.load(ordering: .relaxed) }
        let active = sum { $0.activeExchanges.load(ordering: .relaxed) }
        metric(
            &text, "berth_connections", "gauge", "Connections of clients, by what they do.",
            [([("state", "active")], String(active)), ([("state", "idle")], String(max(open - active, 0)))])
        metric(&text, "berth_exchanges_in_flight", "gauge", "Requests in progress.", [([], String(active))])
        metric(
            &text, "berth_connections_turned_away_total", "counter", "Connections rejected because a limit was reached.",
            [([], String(sum { $0.turnedAwayConnections.load(ordering: .relaxed) }))])
    }

    private func tokens(_ text: inout String, _ tokens: [TokenFigures]) {
        metric(
            &text, "berth_token_expiry_timestamp_seconds", "gauge", "When the authorization token expires.",
            tokens.compactMap { token in token.expiry.map { ([("upstream", token.upstream)], "\($0)") } })
        metric(
            &text, "berth_token_refreshes_total", "counter", "Fetches of an authorization token, by result.",
            tokens.flatMap { token in
                [
                    ([("upstream", token.upstream), ("result", "success")], String(token.refreshesSucceeded)),
                    ([("upstream", token.upstream), ("result", "failure")], String(token.refreshesFailed)),
                ]
            })
    }

    private func upstreams(_ text: inout String, _ upstreams: [UpstreamMetrics]) {
        var replays: [Sample] = [], connections: [Sample] = []
        for upstream in upstreams {
            for (number, reason) in upstream.replayReasons.enumerated() {
                replays.append(([("upstream", upstream.name), ("reason", reason)], String(upstream.replays.value(at: number))))
            }
            for (number, state) in ["idle", "active"].enumerated() {
                connections.append(([("upstream", upstream.name), ("state", state)], String(upstream.connections(number))))
            }
        }
        metric(&text, "berth_replays_total", "counter", "Requests sent to the registry again.", replays)
        metric(&text, "berth_upstream_connections", "gauge", "Connections to the registry.", connections)
    }

    private func reloads(_ text: inout String, _ reload: ReloadFigures) {
        metric(
            &text, "berth_config_last_reload_successful", "gauge", "Whether the last reload of the configuration succeeded.",
            [([], reload.wasSuccessful ? "1" : "0")])
        metric(
            &text, "berth_config_last_reload_success_timestamp_seconds", "gauge", "When the configuration was last loaded.",
            [([], "\(reload.lastSuccess)")])
    }

    private func logins(_ text: inout String) {
        guard let labels = workers.first else { return }
        metric(
            &text, "berth_login_failures_total", "counter", "Logins refused, by reason.",
            labels.loginFailures.enumerated().map { index, reason in
                ([("reason", reason)], String(sum { $0.logins.value(at: index) }))
            })
    }
}
