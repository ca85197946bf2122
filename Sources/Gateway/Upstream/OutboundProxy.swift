import FoundationEssentials
import HTTP
import Transport

/// The proxy that transfers go through: `HTTPS_PROXY`, except for `NO_PROXY`, read as libcurl reads them for the calls to AWS. Transfers use
/// a tunnel (RFC 9110 9.3.6): TLS ends at the registry.
struct OutboundProxy: Sendable {
    let origin: Origin
    private let authorization: [UInt8]?
    private let exceptions: ProxyExceptions

    /// A response to CONNECT has a head of a few lines.
    private static let limits = HeadLimits(bytes: 16 << 10, fields: 100)

    /// nil: the environment names none.
    /// - Throws: `TransportError` when it names one that transfers cannot go through.
    init?(environment: [String: String]) throws {
        func value(_ name: String) -> String? {
            [name, name.uppercased()].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        guard let text = value("https_proxy") ?? value("all_proxy") else { return nil }
        func invalid() -> TransportError {
            // Not the value: it may hold a password.
            TransportError(
                .unresolved, call: "HTTPS_PROXY",
                reason: "it is not the address of an HTTP proxy; write one like http://proxy.example:3128")
        }
        let scheme = "http://"
        guard !text.contains("://") || text.lowercased().hasPrefix(scheme) else { throw invalid() }
        var rest = text.contains("://") ? text.dropFirst(scheme.count) : text[...]
        if let at = rest.lastIndex(of: "@") {
            guard let login = PercentEncoding.decodeStrictly(rest[..<at]) else { throw invalid() }
            authorization = Array("Basic \(Data(login.utf8).base64EncodedString())".utf8)
            rest = rest[rest.index(after: at)...]
        } else {
            authorization = nil
        }
        let address = rest.prefix { $0 != "/" }
        let url = HTTPClientURL(scheme + (address.contains(/:[0-9]+$/) ? address : address + ":1080"))  // libcurl's default
        guard let url else { throw invalid() }
        origin = Origin(host: url.host.trimmingBrackets, port: UInt16(clamping: url.port))
        exceptions = ProxyExceptions(environment: environment)
    }

    /// Whether connections to an origin go through the proxy: not those of `connect_to` and `NO_PROXY`.
    func serves(_ origin: Origin) -> Bool { !origin.isDialledElsewhere && !exceptions.contains(origin.host, port: origin.port) }

    /// Turns a connection to the proxy into one to `target`.
    func tunnel(_ stream: SocketStream, to target: Origin, timeout: Duration) async throws {
        let output = stream.loop.output, authority = Array("\(target)".utf8)
        output.removeAll()
        output.append("CONNECT ")
        output.append(authority)
        output.append(" HTTP/1.1\r\n")
        output.appendField("Host", authority)
        if let authorization { output.appendField("Proxy-Authorization", authorization) }
        output.append("\r\n")
        if let rest = try stream.begin(output.bytes) { try await stream.write(rest, timeout: timeout) }
        var reader = HeadReader(limits: Self.limits)
        let head = Head(), deadline = ContinuousClock.now + timeout
        // 200 to CONNECT has no body, whatever its fields say (RFC 9112 6.3), and the TLS client speaks first.
        while try !reader.take(head, as: .response(toHead: true)) {
            let scratch = UnsafeMutableRawBufferPointer(rebasing: stream.loop.scratch.prefix(Self.limits.bytes))
            let count = try await stream.read(
                into: scratch, timeout: max(Duration.zero, ContinuousClock.now.duration(to: deadline)))
            guard count > 0 else {
                throw TransportError(.closed, call: "CONNECT", reason: "the proxy \(origin) closed the connection")
            }
            reader.input.append(UnsafeRawBufferPointer(rebasing: scratch.prefix(count)))
        }
        guard head.status == 200 else {
            // It may change its mind about 5xx only.
            throw TransportError(
                head.status >= 500 ? .refused : .forbidden, call: "CONNECT",
                reason: "the proxy \(origin) responded with status \(head.status)")
        }
    }
}

extension String {
    fileprivate var trimmingBrackets: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self }
}
