import HTTP

/// The query of `/readyz`: whether any upstream is ready, whether all are, or whether a certain one is.
struct ReadinessQuery {
    private var isOfAll = false
    private var upstream: String?

    /// Returns nil for an unknown parameter. Ignoring it would turn the query into a different one.
    init?(_ query: String?) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            switch (parts[0], parts.count > 1 ? PercentEncoding.decodeStrictly(parts[1]) : nil) {
            case ("all", nil), ("all", ""), ("all", "true"): isOfAll = true
            case ("upstream", let name?): upstream = name
            default: return nil
            }
        }
    }

    /// Returns nil when there is no upstream of the name.
    func evaluate(_ upstreams: [UpstreamStatus]) -> (isReady: Bool, text: String)? {
        let selected = upstreams.filter { upstream == nil || $0.name == upstream }
        guard !selected.isEmpty else { return nil }
        let failing = selected.filter { !$0.ready }
        let isReady = isOfAll ? failing.isEmpty : failing.count < selected.count
        return (isReady, (isReady ? "ready\n" : "") + selected.flatMap(\.problems).joined())
    }
}
