import CLibevent
import Glibc

/// Makes outgoing connections.
package enum Connector {
    /// Connects to the first of the addresses that accepts.
    /// - Parameters:
    ///   - waiter: where the new stream waits.
    ///   - timeout: for each address.
    ///   - deadline: for all of them; nil: none.
    /// - Throws: `TransportError` with the last address and its reason; of kind `.unresolved` when there is no address.
    package static func connect(
        to addresses: [SocketAddress], on loop: EventLoop, waiter: Waiter, timeout: Duration,
        deadline: ContinuousClock.Instant? = nil,
        tally: ByteTally? = nil
    ) async throws -> SocketStream {
        var failure = TransportError(.unresolved, call: "connect", reason: "no address to connect to")
        for (number, address) in addresses.enumerated() {
            let left = deadline.map { ContinuousClock.now.duration(to: $0) } ?? timeout
            if number > 0, left <= .zero { break }
            do {
                return try await connect(
                    to: address, on: loop, waiter: waiter, timeout: max(.zero, min(timeout, left)), tally: tally)
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
        try await stream.readiness.waitUntilWritable(timeout: timeout)
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw TransportError(call: "connect", errno: code) }
        return stream
    }
}
