import HTTP
import Transport

/// A page that a browser has open can make its own name lead to this listener (DNS rebinding), and the browser then lets it read
/// the answers. That name is in `Host`. A listener on loopback is reached by browsers of this machine only, so they must say
/// `localhost` or an address, which no DNS decides; others, as monitors in a cluster, may use the names that lead to them.
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
