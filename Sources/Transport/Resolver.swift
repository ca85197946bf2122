import CLibevent
import Glibc

/// Resolves names on one loop without blocking it, by /etc/resolv.conf and /etc/hosts (libevent's evdns). The files are read again when one of them
/// has changed, and after a failure: a machine's DNS may come up after Berth, or change while it runs. On the loop's thread only.
package final class Resolver {
    private let base: OpaquePointer
    private var servers: NameServers?
    /// The state of the files when `servers` read them.
    private var read: [FileState] = []
    private var checked = ContinuousClock.now - interval

    private static let files = ["/etc/resolv.conf", "/etc/hosts"]
    /// The files are checked, and a failed evdns base is replaced, at most this often.
    private static let interval = Duration.seconds(1)

    /// - Parameter base: the loop's; it outlives the resolver.
    init(on base: OpaquePointer) { self.base = base }

    /// nil: none can be set up now.
    private func current() -> NameServers? {
        let now = ContinuousClock.now
        guard now - checked >= Self.interval else { return servers }
        checked = now
        let states = Self.files.map { FileState($0) }
        if servers?.hasFailed ?? true || states != read {
            // A pending query keeps the old one alive until its response.
            (servers, read) = (NameServers(on: base), states)
        }
        return servers
    }

    /// All addresses of a name, in the order to try them. evdns gives IPv4 and IPv6 addresses as the name servers return them, without sorting by
    /// RFC 6724. An address resolves to itself.
    /// - Throws: `TransportError` of kind `.unresolved`.
    package func resolve(_ host: String, port: UInt16) async throws -> [SocketAddress] {
        if let address = SocketAddress(host: host, port: port) { return [address] }
        guard let servers = current() else {
            throw TransportError(
                .unresolved, call: "evdns_base_new", reason: "\(host): no resolver could be set up from /etc/resolv.conf")
        }
        let result = await withUnsafeContinuation { (continuation: UnsafeContinuation<QueryResult, Never>) in
            var hints = addrinfo()
            hints.ai_family = AF_UNSPEC
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            let query = Unmanaged.passRetained(PendingQuery(to: servers, continuation)).toOpaque()
            // Returns nil when it has already called back. The callback comes once in either case.
            evdns_getaddrinfo(
                servers.dns, host, String(port), &hints,
                { code, first, query in
                    guard let query else { return }
                    Unmanaged<PendingQuery>.fromOpaque(query).takeRetainedValue().end(QueryResult(code: code, first))
                    if let first { evutil_freeaddrinfo(first) }
                }, query)
        }
        guard result.code == 0, !result.addresses.isEmpty else {
            let reason = result.code == 0 ? "no address" : String(cString: evutil_gai_strerror(result.code))
            throw TransportError(.unresolved, call: "evdns_getaddrinfo", reason: "\(host): \(reason)")
        }
        return result.addresses
    }
}

/// Tells whether a file has changed.
private struct FileState: Equatable {
    private let inode: UInt, size: Int, seconds: Int, nanoseconds: Int

    init(_ path: String) {
        var state = stat()
        if stat(path, &state) != 0 { state = .init() }  // a missing file is a state too
        (inode, size) = (UInt(state.st_ino), Int(state.st_size))
        (seconds, nanoseconds) = (state.st_mtim.tv_sec, state.st_mtim.tv_nsec)
    }
}

/// An evdns base: the sockets of its name servers and its copy of the two files.
final class NameServers {
    let dns: OpaquePointer
    private let base: OpaquePointer
    /// The last query failed. A response that the name does not exist is not a failure.
    fileprivate(set) var hasFailed: Bool

    fileprivate init?(on base: OpaquePointer) {
        guard let dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE) else { return nil }
        (self.dns, self.base) = (dns, base)
        // Before the file is read, whose `options` take precedence. By default evdns asks a dead name server three times for five seconds each.
        evdns_base_set_option(dns, "timeout:", "2")
        evdns_base_set_option(dns, "attempts:", "2")
        // Without the file, or without name servers in it, this machine's own is asked (resolv.conf(5)).
        let all = DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC | DNS_OPTION_HOSTSFILE
        evdns_base_resolv_conf_parse(dns, all, "/etc/resolv.conf")
        // The name servers' sockets are opened at once, which fails without descriptors.
        hasFailed = evdns_base_count_nameservers(dns) == 0
    }

    deinit {
        // Later: the last reference may be dropped in a callback of evdns itself, and other callbacks may be pending.
        var later = timeval(tv_sec: 10, tv_usec: 0)
        event_base_once(
            base, -1, Int16(EV_TIMEOUT),
            { _, _, dns in if let dns { evdns_base_free(OpaquePointer(dns), 0) } }, UnsafeMutableRawPointer(dns), &later)
    }
}

private final class PendingQuery {
    private let servers: NameServers
    private let continuation: UnsafeContinuation<QueryResult, Never>

    init(to servers: NameServers, _ continuation: UnsafeContinuation<QueryResult, Never>) {
        (self.servers, self.continuation) = (servers, continuation)
    }

    func end(_ result: QueryResult) {
        servers.hasFailed = ![0, EVUTIL_EAI_NONAME, EVUTIL_EAI_NODATA].contains(result.code)
        continuation.resume(returning: result)
    }
}

private struct QueryResult: Sendable {
    let code: Int32
    var addresses: [SocketAddress] = []

    /// Addresses of one name that are used; more are ignored.
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
