import CLibevent
import Glibc

/// Names to addresses on one loop, without blocking it, after /etc/resolv.conf and /etc/hosts (libevent's evdns). Made anew when one of the
/// two files has changed, and when it failed: a machine's DNS may come up after Berth, or change under it. On the loop's thread only.
final class Resolver {
    private let base: OpaquePointer
    private var servers: NameServers?
    /// What the files were like when `servers` read them.
    private var read: [FileState] = []
    private var checked = ContinuousClock.now - interval

    private static let files = ["/etc/resolv.conf", "/etc/hosts"]
    /// The files are looked at this often at most, and a resolver that fails is made anew.
    private static let interval = Duration.seconds(1)

    /// - Parameter base: the loop's; it outlives the resolver.
    init(on base: OpaquePointer) { self.base = base }

    /// nil: no resolver can be had now.
    func current() -> NameServers? {
        let now = ContinuousClock.now
        guard now - checked >= Self.interval else { return servers }
        checked = now
        let states = Self.files.map { FileState($0) }
        if servers?.hasFailed ?? true || states != read {
            // Whoever waits for an answer of the old one keeps it until then.
            (servers, read) = (NameServers(on: base), states)
        }
        return servers
    }
}

/// What tells that a file is another one than it was.
private struct FileState: Equatable {
    private let inode: UInt, size: Int, seconds: Int, nanoseconds: Int

    init(_ path: String) {
        var state = stat()
        if stat(path, &state) != 0 { state = .init() }  // no file is a state too
        (inode, size) = (UInt(state.st_ino), Int(state.st_size))
        (seconds, nanoseconds) = (state.st_mtim.tv_sec, state.st_mtim.tv_nsec)
    }
}

/// An evdns base: its name servers' sockets and its copy of the two files.
final class NameServers {
    let dns: OpaquePointer
    private let base: OpaquePointer
    /// It has not answered, or not in order; what does not exist is an answer.
    fileprivate(set) var hasFailed: Bool

    fileprivate init?(on base: OpaquePointer) {
        guard let dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE) else { return nil }
        (self.dns, self.base) = (dns, base)
        // Before the file is read, whose `options` count. evdns would ask a dead name server three times for five seconds each.
        evdns_base_set_option(dns, "timeout:", "2")
        evdns_base_set_option(dns, "attempts:", "2")
        // Without the file, or name servers in it, this machine's own is asked (resolv.conf(5)).
        let all = DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC | DNS_OPTION_HOSTSFILE
        evdns_base_resolv_conf_parse(dns, all, "/etc/resolv.conf")
        // Their sockets are opened at once, which fails without descriptors.
        hasFailed = evdns_base_count_nameservers(dns) == 0
    }

    deinit {
        // Not here: the last to hold it may be a call-back of evdns's own, and others of its may be on their way.
        var later = timeval(tv_sec: 10, tv_usec: 0)
        event_base_once(
            base, -1, Int16(EV_TIMEOUT),
            { _, _, dns in if let dns { evdns_base_free(OpaquePointer(dns), 0) } }, UnsafeMutableRawPointer(dns), &later)
    }
}

extension EventLoop {
    /// All addresses of a name, in the order to try them, without blocking the loop (RFC 6724 is the system resolver's business;
    /// evdns gives IPv4 and IPv6 as the name servers answer). An address is its own answer. On the loop's thread only.
    /// - Throws: `TransportError` of kind `.unresolved`.
    package func resolve(_ host: String, port: UInt16) async throws -> [SocketAddress] {
        if let address = SocketAddress(host: host, port: port) { return [address] }
        guard let servers = resolver.current() else {
            throw TransportError(
                .unresolved, call: "evdns_base_new", reason: "\(host): no resolver could be set up from /etc/resolv.conf")
        }
        let answer = await withUnsafeContinuation { (continuation: UnsafeContinuation<ResolverAnswer, Never>) in
            var hints = addrinfo()
            hints.ai_family = AF_UNSPEC
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            let pending = Unmanaged.passRetained(PendingAnswer(of: servers, continuation)).toOpaque()
            // Returns nil when it has called back already; the callback comes in either case, once.
            evdns_getaddrinfo(
                servers.dns, host, String(port), &hints,
                { code, first, pending in
                    guard let pending else { return }
                    Unmanaged<PendingAnswer>.fromOpaque(pending).takeRetainedValue().end(ResolverAnswer(code: code, first))
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
    private let servers: NameServers
    private let continuation: UnsafeContinuation<ResolverAnswer, Never>

    init(of servers: NameServers, _ continuation: UnsafeContinuation<ResolverAnswer, Never>) {
        (self.servers, self.continuation) = (servers, continuation)
    }

    func end(_ answer: ResolverAnswer) {
        servers.hasFailed = ![0, EVUTIL_EAI_NONAME, EVUTIL_EAI_NODATA].contains(answer.code)
        continuation.resume(returning: answer)
    }
}

private struct ResolverAnswer: Sendable {
    let code: Int32
    var addresses: [SocketAddress] = []

    /// A name with more addresses than this is tried no further.
    private static let maxAddresses = 16

    init(code: Int32, _ first: UnsafeMutablePointer<addrinfo>?) {
        self.code = code
        var next = first
        while let entry = next?.pointee, addresses.count < Self.maxAddresses {
            if let socket = entry.ai_addr, let address = SocketAddress(socket, size: Int(entry.ai_addrlen)) {
                addresses.append(address)
            }
            next = entry.ai_next
        }
    }
}
