package import HTTP

/// The host that a client addressed, and the registry that it means if it names one (containerd's `ns`, ECR 6). Routes and access rules use the
/// same test: if a rule's were laxer than a route's, a rule for one host would open what a route serves at another.
package struct Place: Sendable {
    /// As received, perhaps with a port; nil: an HTTP/1.0 request without `Host`.
    let host: ArraySlice<UInt8>?
    let namespace: [UInt8]?

    /// - Parameters:
    ///   - host: the value of `Host` or of a trusted proxy's `X-Forwarded-Host`; nil: there is none.
    ///   - namespace: the value of `ns`; nil: there is none.
    package init(host: ArraySlice<UInt8>?, namespace: [UInt8]?) { (self.host, self.namespace) = (host, namespace) }

    /// Whether a route or rule with this host and namespace applies here. nil: any value applies, and none at all.
    package func isWithin(host: HostName?, namespace: HostName?) -> Bool {
        if let namespace, !(self.namespace.map { namespace.matches($0[...]) } ?? false) { return false }
        if let host, !(self.host.map(host.matches) ?? false) { return false }
        return true
    }
}
