import Transport

/// Where a service of AWS is called, from the environment (wire 4.2) and the region.
public struct ServiceEndpoint: Sendable, Hashable {
    public var url: CallURL
    /// What it is signed for.
    public var region: String
    /// `host:port` to dial instead (`connect_to`).
    public var dial: String?

    public init(url: CallURL, region: String, dial: String? = nil) {
        self.url = url
        self.region = region
        self.dial = dial
    }
}

extension CallTrust {
    /// `AWS_CA_BUNDLE` stands in the place of the system's store, as with every SDK; `caFile` is trusted besides either.
    public init(environment: [String: String], caFile: String? = nil) {
        let bundle = environment.nonEmpty("AWS_CA_BUNDLE")
        self.init(includesSystem: bundle == nil, files: [bundle, caFile].compactMap { $0 })
    }
}
