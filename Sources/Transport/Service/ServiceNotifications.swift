import CLibevent
import Glibc

/// Tells a service manager, as systemd with `Type=notify`, what the process does (sd_notify(3)). Confined to one loop.
///
/// The protocol is a datagram of `NAME=value` lines; no library is needed for that.
package final class ServiceNotifications {
    private let owned: Descriptor
    private let address: LocalAddress
    private let loop: EventLoop
    /// What the service manager has not taken yet, oldest first.
    private var waiting: [[UInt8]] = []

    /// Datagrams that wait while the manager is busy. Past it the oldest are dropped: what is true now counts.
    private static let maxWaiting = 32
    private static let retryInterval = Duration.milliseconds(100)

    /// - Parameter path: the value of `NOTIFY_SOCKET`: a path, or `@name` in Linux's abstract namespace.
    /// - Throws: it is no such address.
    package init(to path: String, on loop: EventLoop) throws(TransportError) {
        guard path.hasPrefix("/") || path.hasPrefix("@"), let address = LocalAddress(path) else {
            throw TransportError(
                .system, call: "sendto", reason: "NOTIFY_SOCKET='\(path)' is no absolute path and no @name of at most 107 bytes")
        }
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw TransportError(call: "socket", errno: errno) }
        (owned, self.address, self.loop) = (Descriptor(owning: number), address, loop)
    }

    /// Sends lines in one datagram, in the order of the calls.
    package func send(_ lines: [String]) {
        if waiting.count == Self.maxWaiting { waiting.removeFirst() }
        waiting.append(Array(lines.joined(separator: "\n").utf8))
        if waiting.count == 1 { sendWaiting() }
    }

    /// Something is still to be sent.
    package var isBehind: Bool { !waiting.isEmpty }

    private func sendWaiting() {
        while let datagram = waiting.first {
            let sent = address.withSockaddr { sendto(owned.number, datagram, datagram.count, Int32(MSG_NOSIGNAL), $0, $1) }
            if sent < 0, errno == EINTR { continue }
            if sent < 0, errno == EAGAIN {
                // The queue of the manager's socket is short. On the loop's thread, as all of this class.
                nonisolated(unsafe) let this = self  // runs on this loop's thread
                return loop.after(Self.retryInterval) { this.sendWaiting() }
            }
            // A manager that is gone is told nothing; the gateway goes on.
            waiting.removeFirst()
        }
    }
}
