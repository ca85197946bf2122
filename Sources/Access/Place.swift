/// Where a client asks: the host that it addressed, and the registry that it means where it says so (containerd's `ns`, wire 6). Routes and
/// rules read it alike: were a rule laxer than a route, what it allows at one host would open what the route leads to at another.
public struct Place: Sendable {
    /// As the client sent it, perhaps with a port; nil: an HTTP/1.0 client that named none.
    private let host: ArraySlice<UInt8>?
    private let namespace: [UInt8]?

    public init(host: ArraySlice<UInt8>?, namespace: [UInt8]?) { (self.host, self.namespace) = (host, namespace) }

    /// - Parameters:
    ///   - host: as `name(ofHost:)` makes it; nil: any, and none.
    ///   - namespace: nil: any, and none.
    public func isWithin(host: [UInt8]?, namespace: [UInt8]?) -> Bool {
        if let namespace, namespace != self.namespace { return false }
        guard let host else { return true }
        guard let own = self.host, own.count >= host.count,
            zip(own, host).allSatisfy({ ($0 &- 65 < 26 ? $0 | 0x20 : $0) == $1 })
        else { return false }
        var rest = own.dropFirst(host.count)
        if rest.first == UInt8(ascii: ".") { rest.removeFirst() }
        return rest.isEmpty || rest.first == UInt8(ascii: ":")
    }

    /// A host of the configuration in the form that is compared: in lower case, without port and without the root's dot.
    public static func name(ofHost text: String) -> [UInt8] {
        let name = Array(text.lowercased().utf8)
        return name.last == UInt8(ascii: ".") ? name.dropLast() : name
    }
}
