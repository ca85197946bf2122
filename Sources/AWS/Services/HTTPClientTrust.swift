package import Transport

extension HTTPClientTrust {
    /// `AWS_CA_BUNDLE` replaces the system's store, as in every SDK. `certificates`, in PEM, are trusted in addition to either.
    package init(environment: [String: String], certificates: [UInt8] = []) {
        let bundle = environment.nonEmpty("AWS_CA_BUNDLE")
        self.init(includesSystem: bundle == nil, files: [bundle].compactMap { $0 }, certificates: certificates)
    }
}
