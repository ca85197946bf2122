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

    /// `service`: as the variable ends, `ECR` or `STS`. `host`: AWS's own for the region.
    /// Throws when a variable holds no address.
    public init(service: String, host: String, region: String, environment: [String: String]) throws(CredentialError) {
        self.init(url: CallURL(scheme: .https, host: host), region: region)
        guard !environment.isTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") else { return }
        for name in ["AWS_ENDPOINT_URL_\(service)", "AWS_ENDPOINT_URL"] {
            guard let text = environment.nonEmpty(name) else { continue }
            guard let url = CallURL(text), url.query == nil else {
                throw CredentialError(
                    source: "environment", message: "\(name) is not an address like https://api.ecr.eu-west-1.amazonaws.com")
            }
            self.url = url
            return
        }
    }
}

extension CallTrust {
    /// `AWS_CA_BUNDLE` stands in the place of the system's store, as with every SDK; `caFile` is trusted besides either.
    public init(environment: [String: String], caFile: String? = nil) {
        let bundle = environment.nonEmpty("AWS_CA_BUNDLE")
        self.init(includesSystem: bundle == nil, files: [bundle, caFile].compactMap { $0 })
    }
}
