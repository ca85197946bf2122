import Transport

/// What the environment and the profile say of where AWS's services are called (wire 4.2): addresses instead of AWS's own, and which
/// of its own.
public struct EndpointSettings {
    private let environment: [String: String]
    private let files: SharedFiles?
    private let profile: String

    /// - Parameter profile: the configuration's; nil leaves it to `AWS_PROFILE` and then `default`.
    public init(environment: [String: String], profile: String? = nil) {
        self.environment = environment
        self.profile = profile ?? environment.chosenProfile?.name ?? "default"
        // A file that is broken or half written is told by who looks for credentials in it; the other upstreams do without.
        files = try? SharedFiles(environment: environment)
    }

    /// The address that is given for the service, whatever the flags say, or AWS's own.
    /// - Parameters:
    ///   - service: as the variables end, `ECR`, `ECR_PUBLIC`, `STS` or `SSO`.
    ///   - host: AWS's own for the region, of FIPS and of dual-stack where they are asked for.
    /// - Throws: when a variable or the profile holds something that is no address, or neither true nor false.
    public func endpoint(of service: String, region: String, host: (_ fips: Bool, _ dualStack: Bool) -> String)
        throws(CredentialError) -> ServiceEndpoint
    {
        if let url = try givenURL(of: service) { return ServiceEndpoint(url: url, region: region) }
        let host = host(try flag("AWS_USE_FIPS_ENDPOINT"), try flag("AWS_USE_DUALSTACK_ENDPOINT"))
        return ServiceEndpoint(url: CallURL(scheme: .https, host: host), region: region)
    }

    private func givenURL(of service: String) throws(CredentialError) -> CallURL? {
        guard try !flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") else { return nil }
        var given: (place: String, text: String)?
        if let name = ["AWS_ENDPOINT_URL_\(service)", "AWS_ENDPOINT_URL"].first(where: { environment.nonEmpty($0) != nil }) {
            given = (name, environment.nonEmpty(name) ?? "")
        } else if let setting = files?.endpoint(of: service.lowercased(), profile: profile) {
            given = ("\(setting.place): endpoint_url", setting.value)
        }
        guard let given else { return nil }
        guard let url = CallURL(given.text), url.query == nil else {
            throw error("\(given.place) is not an address like https://api.ecr.eu-west-1.amazonaws.com")
        }
        return url
    }

    /// Of a variable, or else of the profile's key of the same name. A word that is neither would leave FIPS out unseen.
    private func flag(_ variable: String) throws(CredentialError) -> Bool {
        let key = variable.dropFirst("AWS_".count).lowercased()
        var place = variable
        var text = environment.nonEmpty(variable)
        if text == nil, let setting = files?.profile(profile)?[key] {
            (place, text) = ("\(setting.place): \(key)", setting.value)
        }
        switch text?.lowercased() {
        case "true": return true
        case nil, "", "false": return false
        default: throw error("\(place) is '\(AWSError.printable(text ?? ""))'; set it to true or false")
        }
    }

    private func error(_ message: String) -> CredentialError { CredentialError(source: "endpoint", message: message) }
}
