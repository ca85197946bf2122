package import FoundationEssentials

/// What a repository or a user has been used for since the start.
package struct UsageStatus: Sendable, Encodable {
    let repository: String?, user: String?
    let requests: Int, pulls: Int, pushes: Int
    let bytesSent: Int, bytesReceived: Int
    let lastUsed: Date?

    enum CodingKeys: String, CodingKey {
        case repository, user, requests, pulls, pushes
        case bytesSent = "bytes_sent"
        case bytesReceived = "bytes_received"
        case lastUsed = "last_used"
    }

    /// - Parameters:
    ///   - repository: the name that clients use; nil: any.
    ///   - user: nil: any.
    ///   - bytesSent: to clients.
    package init(
        repository: String?, user: String?, requests: Int, pulls: Int, pushes: Int, bytesSent: Int, bytesReceived: Int,
        lastUsed: Date?
    ) {
        (self.repository, self.user, self.requests, self.pulls, self.pushes) = (repository, user, requests, pulls, pushes)
        (self.bytesSent, self.bytesReceived, self.lastUsed) = (bytesSent, bytesReceived, lastUsed)
    }
}

/// What usage is sorted by, the largest first.
enum UsageOrder: String, CaseIterable {
    case bytes, requests, pulls, pushes
    case lastUsed = "last_used"

    func value(_ usage: UsageStatus) -> Double {
        switch self {
        case .bytes: Double(usage.bytesSent + usage.bytesReceived)
        case .requests: Double(usage.requests)
        case .pulls: Double(usage.pulls)
        case .pushes: Double(usage.pushes)
        case .lastUsed: usage.lastUsed?.timeIntervalSince1970 ?? 0
        }
    }
}

/// All usage since the start.
package struct UsageReading: Sendable {
    let since: Date
    let repositories: [UsageStatus], users: [UsageStatus], pairs: [UsageStatus]
    let rest: UsageStatus?

    /// - Parameters:
    ///   - pairs: of a repository and a user.
    ///   - rest: what is in none of the lists, which are bounded; nil: there is none.
    package init(since: Date, repositories: [UsageStatus], users: [UsageStatus], pairs: [UsageStatus], rest: UsageStatus?) {
        (self.since, self.repositories, self.users, self.pairs, self.rest) = (since, repositories, users, pairs, rest)
    }
}

/// The body of `/api/v1/usage`: the first `limit` of each list.
struct Usage: Encodable {
    let since: Date
    let totalRepositories: Int, totalUsers: Int, totalPairs: Int
    let repositories: [UsageStatus], users: [UsageStatus], pairs: [UsageStatus]
    /// What is in none of the lists at any limit.
    let rest: UsageStatus?

    enum CodingKeys: String, CodingKey {
        case since, repositories, users, pairs, rest
        case totalRepositories = "total_repositories"
        case totalUsers = "total_users"
        case totalPairs = "total_pairs"
    }

    init(_ reading: UsageReading, by order: UsageOrder, limit: Int) {
        (since, rest) = (reading.since, reading.rest)
        (totalRepositories, totalUsers) = (reading.repositories.count, reading.users.count)
        totalPairs = reading.pairs.count
        func first(_ all: [UsageStatus]) -> [UsageStatus] {
            Array(all.sorted { order.value($0) > order.value($1) }.prefix(limit))
        }
        (repositories, users, pairs) = (first(reading.repositories), first(reading.users), first(reading.pairs))
    }
}
