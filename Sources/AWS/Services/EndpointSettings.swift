import Transport

/// Where AWS's services are called, as the environment and the profile configure it (ECR 4.2): a custom URL, or AWS's FIPS and
/// dual-stack endpoints.
package struct EndpointSettings {
    private let environment: [String: String]
    /// Why the shared files cannot be read. Upstreams with credentials from these files fail with it; the others work without them.
    package let problem: CredentialError?
    private let files: SharedFiles?
    private let profile: String

    /// - Parameter profile: the configuration's; nil leaves it to `AWS_PROFILE` and then `default`.
    package init(environment: [String: String], profile: String? = nil) {
        self.environment = environment
        self.profile = profile ?? environment.chosenProfile?.name ?? "default"
        do throws(CredentialError) { (files, problem) = (try SharedFiles(environment: environment), nil) } catch {
            (files, problem) = (nil, error)
        }
    }

    /// The custom URL for the service if there is one (FIPS and dual-stack do not apply to it, as in botocore), else AWS's own endpoint.
    /// - Parameters:
    ///   - service: as the variables end, `ECR`, `ECR_PUBLIC`, `STS` or `SSO`.
    ///   - host: AWS's own host for the region, given whether FIPS and dual-stack are requested.
    /// - Throws: when a URL is not valid, or a flag is neither true nor false.
    package func endpoint(of service: String, region: String, host: (_ fips: Bool, _ dualStack: Bool) -> String)
        throws(CredentialError) -> ServiceEndpoint
    {
        if let url = try givenURL(of: service) { return ServiceEndpoint(url: url, region: region) }
        let host = host(try flag("AWS_USE_FIPS_ENDPOINT"), try flag("AWS_USE_DUALSTACK_ENDPOINT"))
        return ServiceEndpoint(url: HTTPClientURL(scheme: .https, host: host), region: region)
    }

    private func givenURL(of service: String) throws(CredentialError) -> HTTPClientURL? {
        guard try !flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") else { return nil }
        var given: (place: String, text: String)?
        if let name = ["AWS_ENDPOINT_URL_\(service)", "AWS_ENDPOINT_URL"].first(where: { environment.nonEmpty($0) != nil }) {
            given = (name, environment.nonEmpty(name) ?? "")
        } else if let setting = files?.endpoint(of: service.lowercased(), profile: profile) {
            given = ("\(setting.place): endpoint_url", setting.value)
        }
        guard let given else { return nil }
        guard let url = HTTPClientURL(given.text), url.query == nil else {
            throw error("\(given.place) is not an address like https://api.ecr.eu-west-1.amazonaws.com")
        }
        return url
    }

    /// The variable, else the profile's key of the same name. Other words than true and false are errors: `yes` must not disable FIPS.
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
