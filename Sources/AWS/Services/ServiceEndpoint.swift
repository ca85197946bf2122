package import Transport

/// Where an AWS service is called (ECR 4.2).
package struct ServiceEndpoint: Sendable, Hashable {
    /// Requests append their path to this one's.
    package var url: HTTPClientURL
    /// The region that signatures name.
    package var region: String
    /// `host:port` to connect to instead (`connect_to`); nil: the URL's own.
    package var dial: String?

    /// - Parameter dial: `host:port` to connect to instead; TLS still expects the URL's host.
    package init(url: HTTPClientURL, region: String, dial: String? = nil) {
        self.url = url
        self.region = region
        self.dial = dial
    }
}
