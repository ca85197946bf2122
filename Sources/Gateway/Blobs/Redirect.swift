import Registry
import Configuration
import HTTP
import Transport

/// Where a blob's redirect leads (ECR 1.4): S3 as a rule, a CDN for pull-through caches. The URL is a secret: whoever has it
/// has the blob.
struct Redirect {
    fileprivate(set) var origin: Origin
    /// Path and query as they were sent; the signature covers them byte for byte.
    let target: [UInt8]

    /// Hops from the registry to the bytes. S3 needs one; a CDN may add one or two.
    static let maxHops = 4
    private static let maxTargetBytes = 16 << 10

    /// - Parameter location: an absolute https URL. Anything else is not followed: a presigned URL over plain HTTP would show
    ///   the blob to the network, and a relative one would carry the client back to the registry without its token.
    init?(_ location: ArraySlice<UInt8>, connectTo: ConnectTo) {
        let scheme = "https://".utf8
        guard location.starts(with: scheme), location.count <= Self.maxTargetBytes else { return nil }
        let rest = location.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? rest.endIndex
        guard let named = HostName(String(decoding: rest[..<end], as: UTF8.self)), named.port != 0, !named.name.contains(":") else {
            return nil
        }
        // 2130706433, 0x7f.1: no names, and addresses to those who read them as inet_aton(3) does, a proxy perhaps.
        let last = named.name.split(separator: ".").last ?? ""
        let isNumber = last.utf8.allSatisfy { $0 &- 48 < 10 } || last.hasPrefix("0x")
        guard !isNumber || SocketAddress(host: named.name, port: 0)?.host == named.name else { return nil }
        origin = Origin(host: named.name, port: named.port ?? 443, connectTo: connectTo)
        let path = rest[end...].prefix { $0 != UInt8(ascii: "#") }
        guard path.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
        target = (path.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + path
    }
}

extension Exchange {
    /// The place that a blob's redirect names, if it is one to go to.
    /// - Throws: `Refusal`; the log says which place it was.
    func follow(_ location: ArraySlice<UInt8>, of upstream: Upstream, _ site: Site) throws -> Redirect {
        guard var redirect = Redirect(location, connectTo: site.connectTo) else {
            throw Refusal(.unavailable, "The upstream registry redirects this blob to a place that is not https.", status: 502)
        }
        switch upstream.blobHosts.judge(redirect.origin) {
        case .anywhere: break
        case .publicly: redirect.origin.isPublicOnly = true
        case .nowhere:
            record.reason = "redirected to \(redirect.origin), which blob_hosts of the upstream '\(upstream.name)' does not allow"
            throw Refusal(
                .unavailable,
                "The upstream registry redirects this blob to a host that the gateway may not go to; its operator finds it in the log.",
                status: 502)
        }
        return redirect
    }
}
