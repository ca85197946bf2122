import HTTP
import Transport

/// Protects against DNS rebinding: a web page can make its own name resolve to this listener, and the browser then lets the page read the
/// responses. `Host` has that name. Requests over loopback, where browsers of this machine are, must therefore name `localhost` or an IP
/// address, which DNS cannot change. Others, such as monitors in a cluster, may use any name.
enum HostRule {
    static func allows(_ host: String?, from peer: SocketAddress) -> Bool {
        guard let host, isLoopback(peer) else { return true }
        guard let name = HostName(host)?.name else { return false }
        return name == "localhost" || SocketAddress(host: name, port: 0) != nil
    }

    private static func isLoopback(_ peer: SocketAddress) -> Bool {
        let address = Array(peer.addressBytes)
        if address.count == 4 { return address[0] == 127 }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return address.starts(with: mapped) ? address[12] == 127 : address.dropLast().allSatisfy { $0 == 0 } && address.last == 1
    }
}
