import Synchronization

/// Counts the bytes that crossed the sockets of one side of a loop, above TLS: heads, bodies and their framing. The loop adds; any thread may
/// read.
package final class ByteTally: Sendable {
    private let receivedBytes = Atomic(0), sentBytes = Atomic(0)

    /// Starts at 0 in both directions.
    package init() {}

    /// Bytes since the start.
    package var received: Int { receivedBytes.load(ordering: .relaxed) }
    /// Bytes since the start.
    package var sent: Int { sentBytes.load(ordering: .relaxed) }

    // Only one thread writes, so no atomic addition is needed.
    func addReceived(_ count: Int) { receivedBytes.store(received + count, ordering: .relaxed) }
    func addSent(_ count: Int) { sentBytes.store(sent + count, ordering: .relaxed) }
}
