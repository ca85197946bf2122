import CLibevent
import Glibc

/// Makes outgoing connections.
package enum Connector {
    /// Connects to the first of the addresses that accepts.
    /// - Parameters:
    ///   - waiter: where the new stream waits.
    ///   - timeout: for each address.
    /// - Throws: `TransportError` with the last address and its reason; of kind `.unresolved` when there is no address.
    package static func connect(
        to addresses: [SocketAddress], on loop: EventLoop, waiter: Waiter, timeout: Duration, tally: ByteTally? = nil
    ) async throws -> SocketStream {
        var failure = TransportError(.unresolved, call: "connect", reason: "no address to connect to")
        for address in addresses {
            do {
                return try await connect(to: address, on: loop, waiter: waiter, timeout: timeout, tally: tally)
            } catch let error as TransportError {
                failure = TransportError(error.kind, call: error.call, reason: "\(address): \(error.reason)")
                if error.kind == .cancelled { break }
            }
        }
        throw failure
    }

    private static func connect(
        to address: SocketAddress, on loop: EventLoop, waiter: Waiter, timeout: Duration, tally: ByteTally?
    ) async throws -> SocketStream {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw TransportError(call: "socket", errno: errno) }
        let stream = SocketStream(descriptor, on: loop, tally: tally)
        stream.waiter = waiter
        if address.withSockaddr({ Glibc.connect(descriptor, $0, $1) }) == 0 { return stream }
        guard errno == EINPROGRESS else { throw TransportError(call: "connect", errno: errno) }
        try await stream.waitUntilWritable(timeout: timeout)
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw TransportError(call: "connect", errno: code) }
        return stream
    }
}
