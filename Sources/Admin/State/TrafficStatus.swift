package import FoundationEssentials

/// What the gateway has served since its start, in all, and what it is serving now.
package struct TrafficStatus: Sendable, Encodable {
    /// When the counters were read.
    package var time: Date
    /// The same by a clock that only goes forward: rates are differences of counters by differences of it.
    package var uptimeSeconds: Double
    /// Ended requests; operations and statuses without any are left out.
    package var requests: [Requests]
    /// Of heads and bodies, inside TLS, by direction.
    package var bytes: [String: Int]
    /// Clients' connections with and without a request.
    package var connections: Connections
    /// Requests in progress.
    package var exchangesInFlight: Int

    /// How many requests of an operation ended with a status.
    package struct Requests: Sendable, Encodable {
        let operation: String, status: Int, count: Int

        /// - Parameter operation: as in `berth_requests_total`.
        package init(operation: String, status: Int, count: Int) {
            (self.operation, self.status, self.count) = (operation, status, count)
        }
    }

    /// Open connections of clients.
    package struct Connections: Sendable, Encodable {
        let active: Int, idle: Int

        /// - Parameter active: with a request.
        package init(active: Int, idle: Int) { (self.active, self.idle) = (active, idle) }
    }

    enum CodingKeys: String, CodingKey {
        case time, requests, bytes, connections
        case uptimeSeconds = "uptime_seconds"
        case exchangesInFlight = "exchanges_in_flight"
    }

    /// - Parameter bytes: by the labels of `berth_bytes_total`.
    package init(
        time: Date, uptimeSeconds: Double, requests: [Requests], bytes: [String: Int], connections: Connections,
        exchangesInFlight: Int
    ) {
        (self.time, self.uptimeSeconds, self.requests, self.bytes) = (time, uptimeSeconds, requests, bytes)
        (self.connections, self.exchangesInFlight) = (connections, exchangesInFlight)
    }
}
