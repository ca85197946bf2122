import Foundation
import Testing

@testable import Telemetry

struct MetricsTextTests {
    static func worker() -> WorkerMetrics {
        WorkerMetrics(
            operations: ["ping", "blob_get"], loginFailures: ["missing", "wrong_password"], cacheResults: ["hit", "miss"])
    }

    static func render(
        _ workers: [WorkerMetrics], tokens: [TokenFigures] = [], upstreams: [UpstreamMetrics] = [],
        registries: [RegistryFigures] = [], traffic: TrafficFigures = .init(), usage: UsageReport = UsageReport(since: 0),
        certificates: [CertificateFigures] = [], cache: CacheFigures? = nil,
        reload: ReloadFigures = ReloadFigures(lastSuccess: 1_764_000_000)
    ) -> [String] {
        let text = MetricsText(workers: workers, version: "1.2.3").render(
            tokens: tokens, upstreams: upstreams, registries: registries, traffic: traffic, usage: usage,
            certificates: certificates, cache: cache, reload: reload)
        return String(decoding: text, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func `the metrics of all workers are added up under their documented names`() {
        let (one, two) = (Self.worker(), Self.worker())
        one.request(operation: 1, status: 200, seconds: 0.004)
        two.request(operation: 1, status: 200, seconds: 0.5)
        two.request(operation: 1, status: 206, seconds: 400)
        two.request(operation: 0, status: 0, seconds: 0)
        var traffic = TrafficFigures()
        (traffic.receivedFromClient, traffic.sentToClient, traffic.sentUpstream, traffic.receivedUpstream) = (11, 22, 33, 44)
        for worker in [one, two, two] { worker.connections(add: 1) }
        one.connections(add: -1)
        two.exchangesInFlight(add: 1)
        two.turnedAway()
        two.loginFailed(reason: 1)
        let main = UpstreamMetrics(name: "main", workers: 2, replayReasons: ["token_expired", "stale_connection"])
        main.replayed(reason: 1)
        main.connections(worker: 0, idle: 3, active: 1)
        main.connections(worker: 1, idle: 1, active: 0)
        main.connections(worker: 1, idle: 2, active: 0)
        main.responded(worker: 0, status: 200, seconds: 0.004)
        main.responded(worker: 1, status: 200, seconds: 0.5)
        main.responded(worker: 1, status: 429, seconds: 400)
        main.throttled()
        main.delayed()
        let usage = Usage()
        let worker = WorkerUsage(usage)
        var last = LastUsage()
        worker.count(repository: Array("team/app".utf8), user: "ci", isSuccess: true, isPull: true, sent: 70, last: &last)
        worker.count(repository: Array("other".utf8), user: "ci", isSuccess: true, isPush: true, received: 80, last: &last)
        worker.count(repository: [], user: "dev", isSuccess: true, last: &last)
        var reload = ReloadFigures(lastSuccess: 1_764_000_000)
        reload.wasSuccessful = false
        let tokens = [
            TokenFigures(upstream: "main", expiry: 1_764_000_000, refreshesSucceeded: 2, refreshesFailed: 1),
            TokenFigures(upstream: "main", fallback: "b.example", expiry: 1_764_000_001, refreshesSucceeded: 3, refreshesFailed: 4),
            TokenFigures(upstream: "cold", expiry: nil, refreshesSucceeded: 0, refreshesFailed: 0),
        ]
        let own = Self.render(
            [one, two], tokens: tokens, upstreams: [main],
            registries: [
                RegistryFigures(upstream: "main", registry: "a.example", state: 0),
                RegistryFigures(upstream: "main", registry: "b.example", state: 1),
            ], traffic: traffic, usage: usage.report(),
            certificates: [CertificateFigures(listener: "0.0.0.0:5000", expiry: 1_764_000_000)], reload: reload
        ).prefix {
            !$0.hasPrefix("# HELP process_")
        }
        #expect(
            own.joined(separator: "\n") == """
                # HELP berth_requests_total Requests answered, by operation and status.
                # TYPE berth_requests_total counter
                berth_requests_total{operation="blob_get",status="200"} 2
                berth_requests_total{operation="blob_get",status="206"} 1
                # HELP berth_request_seconds From a request's head to the end of its response.
                # TYPE berth_request_seconds histogram
                \(Self.buckets(of: "ping", below: "", counts: [1, 1, 1]))
                berth_request_seconds_sum{operation="ping"} 0.0
                berth_request_seconds_count{operation="ping"} 1
                \(Self.buckets(of: "blob_get", below: "0.5", counts: [1, 2, 3]))
                berth_request_seconds_sum{operation="blob_get"} 400.504
                berth_request_seconds_count{operation="blob_get"} 3
                # HELP berth_bytes_total Bytes of heads and bodies, inside TLS.
                # TYPE berth_bytes_total counter
                berth_bytes_total{direction="received_from_client"} 11
                berth_bytes_total{direction="sent_to_client"} 22
                berth_bytes_total{direction="sent_upstream"} 33
                berth_bytes_total{direction="received_upstream"} 44
                # HELP berth_connections Connections of clients, by what they do.
                # TYPE berth_connections gauge
                berth_connections{state="active"} 1
                berth_connections{state="idle"} 1
                # HELP berth_exchanges_in_flight Requests in progress.
                # TYPE berth_exchanges_in_flight gauge
                berth_exchanges_in_flight 1
                # HELP berth_connections_turned_away_total Connections rejected because a limit was reached.
                # TYPE berth_connections_turned_away_total counter
                berth_connections_turned_away_total 1
                # HELP berth_token_expiry_timestamp_seconds When the authorization token expires.
                # TYPE berth_token_expiry_timestamp_seconds gauge
                berth_token_expiry_timestamp_seconds{upstream="main"} 1764000000.0
                berth_token_expiry_timestamp_seconds{upstream="main",registry="b.example"} 1764000001.0
                # HELP berth_token_refreshes_total Fetches of an authorization token, by result.
                # TYPE berth_token_refreshes_total counter
                berth_token_refreshes_total{upstream="main",result="success"} 2
                berth_token_refreshes_total{upstream="main",result="failure"} 1
                berth_token_refreshes_total{upstream="main",registry="b.example",result="success"} 3
                berth_token_refreshes_total{upstream="main",registry="b.example",result="failure"} 4
                berth_token_refreshes_total{upstream="cold",result="success"} 0
                berth_token_refreshes_total{upstream="cold",result="failure"} 0
                # HELP berth_replays_total Requests sent to the registry again.
                # TYPE berth_replays_total counter
                berth_replays_total{upstream="main",reason="token_expired"} 0
                berth_replays_total{upstream="main",reason="stale_connection"} 1
                # HELP berth_upstream_connections Connections to the registry.
                # TYPE berth_upstream_connections gauge
                berth_upstream_connections{upstream="main",state="idle"} 5
                berth_upstream_connections{upstream="main",state="active"} 1
                # HELP berth_upstream_responses_total Responses of the registry, by status.
                # TYPE berth_upstream_responses_total counter
                berth_upstream_responses_total{upstream="main",status="200"} 2
                berth_upstream_responses_total{upstream="main",status="429"} 1
                # HELP berth_upstream_request_seconds From the end of a request to the registry to the head of its response.
                # TYPE berth_upstream_request_seconds histogram
                \(Self.buckets("berth_upstream_request_seconds", "upstream", of: "main", below: "0.5", counts: [1, 2, 3]))
                berth_upstream_request_seconds_sum{upstream="main"} 400.504
                berth_upstream_request_seconds_count{upstream="main"} 3
                # HELP berth_throttled_total Requests that were limited in their rate, by whom.
                # TYPE berth_throttled_total counter
                berth_throttled_total{upstream="main",by="registry"} 2
                berth_throttled_total{upstream="main",by="gateway"} 1
                # HELP berth_upstream_state Whether the registry is used: 1 yes, 0 no, since it failed or has no token, 0.5 the next request tries it.
                # TYPE berth_upstream_state gauge
                berth_upstream_state{upstream="main",registry="a.example"} 0.0
                berth_upstream_state{upstream="main",registry="b.example"} 1.0
                # HELP berth_repository_pulls_total Manifests read, by repository.
                # TYPE berth_repository_pulls_total counter
                berth_repository_pulls_total{repository="team/app"} 1
                berth_repository_pulls_total{repository="other"} 0
                # HELP berth_repository_pushes_total Manifests written, by repository.
                # TYPE berth_repository_pushes_total counter
                berth_repository_pushes_total{repository="team/app"} 0
                berth_repository_pushes_total{repository="other"} 1
                # HELP berth_repository_bytes_total Bytes of blobs and manifests, by repository.
                # TYPE berth_repository_bytes_total counter
                berth_repository_bytes_total{repository="team/app",direction="sent_to_client"} 70
                berth_repository_bytes_total{repository="team/app",direction="received_from_client"} 0
                berth_repository_bytes_total{repository="other",direction="sent_to_client"} 0
                berth_repository_bytes_total{repository="other",direction="received_from_client"} 80
                # HELP berth_user_requests_total Requests, by user.
                # TYPE berth_user_requests_total counter
                berth_user_requests_total{user="ci"} 2
                berth_user_requests_total{user="dev"} 1
                # HELP berth_login_failures_total Logins refused, by reason.
                # TYPE berth_login_failures_total counter
                berth_login_failures_total{reason="missing"} 0
                berth_login_failures_total{reason="wrong_password"} 1
                # HELP berth_certificate_expiry_timestamp_seconds When the listener's certificate expires.
                # TYPE berth_certificate_expiry_timestamp_seconds gauge
                berth_certificate_expiry_timestamp_seconds{listener="0.0.0.0:5000"} 1764000000.0
                # HELP berth_config_last_reload_successful Whether the last reload of the configuration succeeded.
                # TYPE berth_config_last_reload_successful gauge
                berth_config_last_reload_successful 0
                # HELP berth_config_last_reload_success_timestamp_seconds When the configuration was last loaded.
                # TYPE berth_config_last_reload_success_timestamp_seconds gauge
                berth_config_last_reload_success_timestamp_seconds 1764000000.0
                # HELP berth_build_info The running version.
                # TYPE berth_build_info gauge
                berth_build_info{version="1.2.3"} 1
                """)
    }

    /// The lines of a histogram: the first count up to the bound `below`, the second from there on, and the third for `+Inf`.
    static func buckets(
        _ name: String = "berth_request_seconds", _ label: String = "operation", of value: String, below: String, counts: [Int]
    ) -> String {
        var count = below.isEmpty ? counts[1] : counts[0]
        let bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "300.0"]
        let lines = bounds.map { bound in
            if bound == below { count = counts[1] }
            return #"\#(name)_bucket{\#(label)="\#(value)",le="\#(bound)"} \#(count)"#
        }
        return (lines + [#"\#(name)_bucket{\#(label)="\#(value)",le="+Inf"} \#(counts[2])"#]).joined(separator: "\n")
    }

    @Test func `the cache has metrics where there is one`() {
        let (one, two) = (Self.worker(), Self.worker())
        for worker in [one, two, two] { worker.cacheRequest(result: 0) }
        let lines = Self.render([one, two], cache: CacheFigures(bytes: 7, size: 9, evictions: 2, corruptions: 1, isOff: true))
        for line in [
            #"berth_cache_requests_total{result="hit"} 3"#, #"berth_cache_requests_total{result="miss"} 0"#, "berth_cache_bytes 7",
            "berth_cache_size_bytes 9", "berth_cache_evictions_total 2", "berth_cache_corruptions_total 1", "berth_cache_off 1",
        ] {
            #expect(lines.contains(line))
        }
        #expect(!Self.render([one]).contains { $0.contains("berth_cache") })
    }

    /// A carriage return with a line feed, and a quote with an accent, are each one `Character`: both must be escaped all the same.
    @Test(arguments: [
        ("a\"b\\c\nd", #"a\"b\\c\nd"#),
        ("a\r\nforged 1", "a\r\\nforged 1"),
        ("a\"\u{301},x=", "a\\\"\u{301},x="),
        ("a\\\u{301}", "a\\\\\u{301}"),
    ])
    func `an upstream's name is escaped and cannot break its line`(name: String, label: String) {
        let tokens = [TokenFigures(upstream: name, expiry: nil, refreshesSucceeded: 1, refreshesFailed: 0)]
        let page = MetricsText(workers: [Self.worker()], version: "1.2.3").render(
            tokens: tokens, upstreams: [], registries: [], traffic: .init(), usage: UsageReport(since: 0), certificates: [],
            cache: nil, reload: ReloadFigures(lastSuccess: 0))
        let line = Array("berth_token_refreshes_total{upstream=\"\(label)\",result=\"success\"} 1".utf8)
        // By bytes: `String` would split and compare by characters.
        let isThere = page.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual(line) }
        #expect(isThere)
    }

    @Test func `repositories beyond a thousand are one series, also where one has its name`() {
        let usage = Usage()
        let worker = WorkerUsage(usage)
        var last = LastUsage()
        for name in ["other"] + (0..<1100).map({ "r\($0)" }) {
            worker.count(repository: Array(name.utf8), user: "u\(name)", isSuccess: true, last: &last)
        }
        let lines = Self.render([], usage: usage.report())
        for (metric, others) in [("berth_repository_pulls_total", 0), ("berth_user_requests_total", 101)] {
            let series = lines.filter { $0.hasPrefix(metric + "{") }
            #expect(series.count == (others == 0 ? 1000 : 1001))
            #expect(Set(series.map { $0.prefix { $0 != "}" } }).count == series.count)
            let value = series.last.flatMap { $0.split(separator: " ").last }
            #expect(series.last?.contains(#""other"}"#) == true && value == "\(others)")
        }
    }

    @Test func `the process metrics describe this process`() throws {
        let lines = Self.render([])
        func value(_ name: String) throws -> Double {
            let line = try #require(lines.first { $0.hasPrefix(name + " ") })
            return try #require(Double(line.dropFirst(name.count + 1)))
        }
        let started = Date(timeIntervalSince1970: try value("process_start_time_seconds"))
        #expect(started < Date() + 2 && started > Date() - 86_400)
        #expect(try value("process_cpu_seconds_total") >= 0)
        #expect(try value("process_resident_memory_bytes") > 1e6)
        #expect(try value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"))
        let open = try value("process_open_fds")
        #expect(open >= 3)
        #expect(try value("process_max_fds") >= open)
    }

    @Test func `counts from many threads are not lost`() async {
        let metrics = Self.worker()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<10_000 { metrics.request(operation: 0, status: 404, seconds: 0.001) } }
            }
        }
        #expect(Self.render([metrics]).contains(#"berth_requests_total{operation="ping",status="404"} 80000"#))
    }
}
