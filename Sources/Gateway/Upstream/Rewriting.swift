import HTTP
import Registry

/// Changes addresses in an upstream's responses into the gateway's: `Location` and `Link` name the registry's host (ECR 1.3, 1.5), and a
/// client that followed them would bypass Berth and lose its login (ECR 6).
///
/// The result is relative (RFC 3986 4.2), which every client resolves against the address it used: that is right behind any load balancer,
/// whatever its scheme and port. With `public_url` it is absolute.
struct Rewriting {
    /// The upstream as it names itself.
    let origin: Origin
    /// The repository's name at the client and at the upstream; equal unless a route changes its prefix.
    let clientRepository: [UInt8], upstreamRepository: [UInt8]
    /// `https://registry.example.com`, without a slash at the end; empty: relative.
    let publicURL: [UInt8]

    init(origin: Origin, clientRepository: [UInt8], upstreamRepository: [UInt8], publicURL: [UInt8]) {
        (self.origin, self.publicURL) = (origin, publicURL)
        (self.clientRepository, self.upstreamRepository) = (clientRepository, upstreamRepository)
    }

    /// Of addresses that Berth itself requests at the upstream: nothing is renamed.
    init(of upstream: Upstream) { self.init(origin: upstream.origin, clientRepository: [], upstreamRepository: [], publicURL: []) }

    /// `https://HOST/v2/a/blobs/uploads/U` or `/v2/a/blobs/uploads/U` → `/v2/a/blobs/uploads/U`. nil: it names another host, or a path
    /// outside of the registry API, and is not rewritten.
    func location(_ value: ArraySlice<UInt8>) -> [UInt8]? {
        guard let path = path(value), path.starts(with: "/v2/".utf8) else { return nil }
        return publicURL + renamed(path)
    }

    /// The rewritten URL of `<URL>; rel="next"`; nil: the value is of another form, or leads elsewhere.
    func linkTarget(_ value: ArraySlice<UInt8>) -> [UInt8]? {
        link(value).map { Array($0.dropFirst().prefix { $0 != UInt8(ascii: ">") }) }
    }

    /// `<URL>; rel="next"` (RFC 8288): the URL rewritten, the parameters as they are.
    func link(_ value: ArraySlice<UInt8>) -> [UInt8]? {
        guard value.first == UInt8(ascii: "<"), let end = value.firstIndex(of: UInt8(ascii: ">")),
            let target = location(value[(value.startIndex + 1)..<end])
        else { return nil }
        return [UInt8(ascii: "<")] + target + value[end...]
    }

    private func path(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        if value.first == UInt8(ascii: "/") { return value.dropFirst().first == UInt8(ascii: "/") ? nil : value }
        for scheme in ["https://", "http://"] where value.starts(with: scheme.utf8) {
            let rest = value.dropFirst(scheme.utf8.count)
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            // ECR builds it from the Host it was sent, with the port when one came (ECR 1.5).
            guard let named = HostName(String(decoding: rest[..<end], as: UTF8.self)), named.name == origin.host,
                named.port == nil || named.port == origin.port
            else { return nil }
            return rest[end...]
        }
        return nil
    }

    private func renamed(_ path: ArraySlice<UInt8>) -> [UInt8] {
        guard clientRepository != upstreamRepository else { return Array(path) }
        let prefix = Array("/v2/".utf8) + upstreamRepository + [UInt8(ascii: "/")]
        guard path.starts(with: prefix) else { return Array(path) }
        return Array("/v2/".utf8) + clientRepository + [UInt8(ascii: "/")] + path.dropFirst(prefix.count)
    }
}
