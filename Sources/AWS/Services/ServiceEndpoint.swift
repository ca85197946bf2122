package import Transport

/// Where a service of AWS is called, from the environment (ECR 4.2) and the region.
package struct ServiceEndpoint: Sendable, Hashable {
    package var url: HTTPClientURL
    /// What it is signed for.
    package var region: String
    /// `host:port` to dial instead (`connect_to`).
    package var dial: String?

    package init(url: HTTPClientURL, region: String, dial: String? = nil) {
        self.url = url
        self.region = region
        self.dial = dial
    }
}

extension HTTPClientTrust {
    /// `AWS_CA_BUNDLE` stands in the place of the system's store, as with every SDK; `caFile` is trusted besides either.
    package init(environment: [String: String], caFile: String? = nil) {
        let bundle = environment.nonEmpty("AWS_CA_BUNDLE")
        self.init(includesSystem: bundle == nil, files: [bundle, caFile].compactMap { $0 })
    }
}
