package import Transport

extension HTTPClientTrust {
    /// `AWS_CA_BUNDLE` replaces the system's store, as in every SDK. `caFile` is trusted in addition to either.
    package init(environment: [String: String], caFile: String? = nil) {
        let bundle = environment.nonEmpty("AWS_CA_BUNDLE")
        self.init(includesSystem: bundle == nil, files: [bundle, caFile].compactMap { $0 })
    }
}
