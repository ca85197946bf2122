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

    /// AWS's own address for the service, or the one that the environment or its profile gives instead (wire 4.2).
    /// - Parameters:
    ///   - service: as the variables end, `ECR`, `ECR_PUBLIC`, `STS` or `SSO`.
    ///   - host: AWS's own for the region.
    ///   - profile: the configuration's; nil leaves it to `AWS_PROFILE` and then `default`.
    /// - Throws: when a variable or a profile holds something that is no address.
    public init(service: String, host: String, region: String, environment: [String: String], profile: String? = nil)
        throws(CredentialError)
    {
        self.init(url: CallURL(scheme: .https, host: host), region: region)
        guard !environment.isTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") else { return }
        var given: (place: String, text: String)?
        if let name = ["AWS_ENDPOINT_URL_\(service)", "AWS_ENDPOINT_URL"].first(where: { environment.nonEmpty($0) != nil }) {
            given = (name, environment.nonEmpty(name) ?? "")
        } else {
            let name = profile ?? environment.nonEmpty("AWS_PROFILE") ?? environment.nonEmpty("AWS_DEFAULT_PROFILE") ?? "default"
            // A file that is broken or half written is told by who looks for credentials in it; the other upstreams do without.
            let setting = (try? SharedFiles(environment: environment))?.endpoint(of: service.lowercased(), profile: name)
            given = setting.map { ("\($0.place): endpoint_url", $0.value) }
        }
        guard let given else { return }
        guard let url = CallURL(given.text), url.query == nil else {
            throw CredentialError(
                source: "endpoint", message: "\(given.place) is not an address like https://api.ecr.eu-west-1.amazonaws.com")
        }
        self.url = url
    }
}

extension CallTrust {
    /// `AWS_CA_BUNDLE` stands in the place of the system's store, as with every SDK; `caFile` is trusted besides either.
    public init(environment: [String: String], caFile: String? = nil) {
        let bundle = environment.nonEmpty("AWS_CA_BUNDLE")
        self.init(includesSystem: bundle == nil, files: [bundle, caFile].compactMap { $0 })
    }
}
