package import HTTP

/// Where a client asks: the host that it addressed, and the registry that it means where it says so (containerd's `ns`, ECR 6). Routes and
/// rules read it alike: were a rule laxer than a route, what it allows at one host would open what the route leads to at another.
package struct Place: Sendable {
    /// As the client sent it, perhaps with a port; nil: an HTTP/1.0 client that named none.
    private let host: ArraySlice<UInt8>?
    private let namespace: [UInt8]?

    package init(host: ArraySlice<UInt8>?, namespace: [UInt8]?) { (self.host, self.namespace) = (host, namespace) }

    /// - Parameters:
    ///   - host: nil: any, and none.
    ///   - namespace: nil: any, and none.
    package func isWithin(host: HostName?, namespace: HostName?) -> Bool {
        if let namespace, !(self.namespace.map { namespace.isMeant(by: $0[...]) } ?? false) { return false }
        if let host, !(self.host.map(host.isMeant) ?? false) { return false }
        return true
    }
}
