import CLibevent
import Glibc

extension EventLoop {
    /// All addresses of a name, in the order to try them, without blocking the loop (RFC 6724 is the system resolver's business;
    /// evdns gives IPv4 and IPv6 as the name servers answer). An address is its own answer. On the loop's thread only.
    public func resolve(_ host: String, port: UInt16) async throws -> [SocketAddress] {
        if let address = SocketAddress(host: host, port: port) { return [address] }
        guard let dns else { throw TransportError(.unresolved, call: "evdns_base_new", reason: "no name server is configured") }
        let answer = await withUnsafeContinuation { (continuation: UnsafeContinuation<ResolverAnswer, Never>) in
            var hints = addrinfo()
            hints.ai_family = AF_UNSPEC
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            let pending = Unmanaged.passRetained(PendingAnswer(continuation)).toOpaque()
            // Returns nil when it has called back already; the callback comes in either case, once.
            evdns_getaddrinfo(
                dns, host, String(port), &hints,
                { code, first, pending in
                    guard let pending else { return }
                    let waiting = Unmanaged<PendingAnswer>.fromOpaque(pending).takeRetainedValue()
                    waiting.continuation.resume(returning: ResolverAnswer(code: code, first))
                    if let first { evutil_freeaddrinfo(first) }
                }, pending)
        }
        guard answer.code == 0, !answer.addresses.isEmpty else {
            let reason = answer.code == 0 ? "no address" : String(cString: evutil_gai_strerror(answer.code))
            throw TransportError(.unresolved, call: "evdns_getaddrinfo", reason: "\(host): \(reason)")
        }
        return answer.addresses
    }
}

private final class PendingAnswer {
    let continuation: UnsafeContinuation<ResolverAnswer, Never>
    init(_ continuation: UnsafeContinuation<ResolverAnswer, Never>) { self.continuation = continuation }
}

private struct ResolverAnswer: Sendable {
    let code: Int32
    var addresses: [SocketAddress] = []

    /// A name with more addresses than this is tried no further.
    private static let addressesAtMost = 16

    init(code: Int32, _ first: UnsafeMutablePointer<addrinfo>?) {
        self.code = code
        var next = first
        while let entry = next?.pointee, addresses.count < Self.addressesAtMost {
            if let socket = entry.ai_addr, let address = SocketAddress(socket, size: Int(entry.ai_addrlen)) {
                addresses.append(address)
            }
            next = entry.ai_next
        }
    }
}
