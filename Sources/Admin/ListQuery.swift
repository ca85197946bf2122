import HTTP

/// The query of a list: how many items, and of usage in which order.
struct ListQuery {
    var limit = 100
    var order = UsageOrder.bytes

    static let limits = 1...10_000

    init(limit: Int) { self.limit = limit }

    /// - Parameter isSorted: whether the list has `sort`.
    /// Returns nil for an unknown parameter or value.
    init?(_ query: String?, isSorted: Bool) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = PercentEncoding.decodeStrictly(parts[1]) else { return nil }
            switch parts[0] {
            case "limit":
                guard let number = Int(value), Self.limits.contains(number) else { return nil }
                limit = number
            case "sort" where isSorted:
                guard let order = UsageOrder(rawValue: value) else { return nil }
                self.order = order
            default: return nil
            }
        }
    }

    /// What is allowed, for a message.
    static func allowed(isSorted: Bool) -> String {
        let sort = isSorted ? ", sort=\(UsageOrder.allCases.map(\.rawValue).joined(separator: "|"))" : ""
        return "use limit=\(limits.lowerBound)…\(limits.upperBound)\(sort)"
    }
}
