/// What a user did in a repository since the start, or a sum of such.
package struct UsageFigures: Sendable, Equatable {
    /// All requests. One that failed counts for its user outside of any repository, unless it moved a part of a body.
    package var requests = 0
    /// GETs of manifests with status 200. An image of several platforms takes two: the index, and the platform's manifest.
    package var pulls = 0
    /// PUTs of manifests with status 201.
    package var pushes = 0
    /// Bytes of the bodies of blobs and manifests, above TLS.
    package var sentToClient = 0, receivedFromClient = 0
    /// When the last request ended, in seconds since 1970; nil: there was none.
    package var lastUsed: Double?

    /// Nothing yet.
    package init() {}

    mutating func add(_ other: UsageFigures) {
        requests += other.requests
        pulls += other.pulls
        pushes += other.pushes
        sentToClient += other.sentToClient
        receivedFromClient += other.receivedFromClient
        lastUsed = [lastUsed, other.lastUsed].compactMap { $0 }.max()
    }
}

/// What one user did in one repository.
package struct UsageRow: Sendable, Equatable {
    /// The name that clients use; nil: requests outside of any repository, such as logins, and those that failed.
    package let repository: String?
    /// The user's name; `anonymous` for requests without credentials.
    package let user: String
    /// Since the start.
    package var figures: UsageFigures
}

/// The sum of what was done in one repository, or by one user.
package struct UsageTotal: Sendable, Equatable {
    /// The repository's or the user's.
    package let name: String
    /// Since the start.
    package var figures: UsageFigures
}

/// Who used what since the start.
package struct UsageReport: Sendable, Equatable {
    /// When Berth began to count, in seconds since 1970.
    package let since: Double
    /// In the order of first use.
    package var rows: [UsageRow]
    /// What is beyond the bound of `rows`.
    package var rest: UsageFigures

    /// - Parameter rest: what is beyond the bound of `rows`.
    package init(since: Double, rows: [UsageRow] = [], rest: UsageFigures = UsageFigures()) {
        (self.since, self.rows, self.rest) = (since, rows, rest)
    }

    /// Over all users, in the order of first use.
    package func byRepository() -> [UsageTotal] { totals { $0.repository } }

    /// Over all repositories, in the order of first use.
    package func byUser() -> [UsageTotal] { totals { $0.user } }

    private func totals(_ name: (UsageRow) -> String?) -> [UsageTotal] {
        var totals: [UsageTotal] = []
        var positions: [String: Int] = [:]
        for row in rows {
            guard let name = name(row) else { continue }
            if let position = positions[name] {
                totals[position].figures.add(row.figures)
            } else {
                positions[name] = totals.count
                totals.append(UsageTotal(name: name, figures: row.figures))
            }
        }
        return totals
    }
}
