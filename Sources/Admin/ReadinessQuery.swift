import Foundation

/// What `/readyz` is asked (design section 9): whether some upstream can serve, whether all can, or one.
struct ReadinessQuery {
    private var isOfAll = false
    private var upstream: String?

    /// nil: a parameter that there is not. Taken for none, it would be answered as another question.
    init?(_ query: String?) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            switch (parts[0], parts.count > 1 ? String(parts[1]).removingPercentEncoding : nil) {
            case ("all", nil), ("all", "true"): isOfAll = true
            case ("upstream", let name?): upstream = name
            default: return nil
            }
        }
    }

    /// nil: there is no upstream of the name.
    func evaluate(_ upstreams: [UpstreamStatus]) -> (isReady: Bool, text: String)? {
        let asked = upstreams.filter { upstream == nil || $0.name == upstream }
        guard !asked.isEmpty else { return nil }
        let waiting = asked.filter { !$0.ready }
        let isReady = isOfAll ? waiting.isEmpty : waiting.count < asked.count
        return (isReady, (isReady ? "ready\n" : "") + waiting.map { "\($0.name): \($0.problem ?? "cannot serve")\n" }.joined())
    }
}
