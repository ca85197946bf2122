import Configuration
import HTTP
import Transport

/// Where a blob's redirect leads (ECR 1.4): S3 as a rule, a CDN for pull-through caches. The URL is a secret: whoever has it has the blob.
struct BlobLocation {
    private(set) var origin: Origin
    /// Path and query as they were sent; the signature covers them byte for byte.
    let target: [UInt8]

    /// Redirects from the registry to the bytes. S3 needs one; a CDN may add one or two.
    static let maxHops = 4
    /// Bytes of the URL.
    private static let maxURL = 16 << 10

    /// Only a blob's redirect may lead out of the registry. With any other the client would bypass Berth, and perhaps send its login there.
    static func rejectRedirect(_ head: Head, _ record: ExchangeRecord) throws {
        guard (300..<400).contains(head.status), head.status != 304 else { return }
        let place = head.value(of: .location).flatMap { BlobLocation($0, connectTo: ConnectTo()) }
        record.reason = "the registry responded with status \(head.status)\(place.map { ", redirecting to \($0.origin)" } ?? "")"
        throw ErrorResponse.badGateway("The upstream registry redirects this request, which the gateway does not follow.")
    }

    /// - Parameters:
    ///   - location: an absolute https URL. Nothing else is followed: a presigned URL over plain HTTP would show the blob to the network, and
    ///     a relative one would lead back to the registry.
    ///   - upstream: whose `blob_hosts` decide.
    /// - Throws: `ErrorResponse`; the record says which place it was.
    init(_ location: ArraySlice<UInt8>, of upstream: Upstream, connectTo: ConnectTo, record: ExchangeRecord) throws(ErrorResponse) {
        guard let parsed = BlobLocation(location, connectTo: connectTo) else {
            throw .badGateway("The upstream registry redirects this blob to a place that is not https.")
        }
        self = parsed
        switch upstream.blobHosts.judge(origin) {
        case .anywhere: break
        case .publicly: origin.isPublicOnly = true
        case .nowhere:
            record.reason = "redirected to \(origin), which blob_hosts of the upstream '\(upstream.name)' does not allow"
            throw .badGateway(
                "The upstream registry redirects this blob to a host that the gateway may not go to; the operator can see it in the log."
            )
        }
    }

    /// nil: not such a URL.
    init?(_ location: ArraySlice<UInt8>, connectTo: ConnectTo) {
        let scheme = "https://".utf8
        guard location.starts(with: scheme), location.count <= Self.maxURL else { return nil }
        let rest = location.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? rest.endIndex
        guard let named = HostName(String(decoding: rest[..<end], as: UTF8.self)), named.port != 0, !named.name.contains(":") else {
            return nil
        }
        // inet_aton(3), and perhaps a proxy, read 2130706433 and 0x7f.1 as addresses.
        let last = named.name.split(separator: ".").last ?? ""
        let isNumber = last.utf8.allSatisfy { $0 &- 48 < 10 } || last.hasPrefix("0x")
        guard !isNumber || SocketAddress(host: named.name, port: 0)?.host == named.name else { return nil }
        origin = Origin(host: named.name, port: named.port ?? 443, connectTo: connectTo)
        let path = rest[end...].prefix { $0 != UInt8(ascii: "#") }
        guard path.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
        target = (path.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + path
    }
}
