import Synchronization

/// Bytes that crossed the sockets of one side of a loop, above TLS: heads, bodies and their framing. The loop adds, anybody may read.
package final class ByteTally: Sendable {
    private let receivedBytes = Atomic(0), sentBytes = Atomic(0)

    package init() {}

    package var received: Int { receivedBytes.load(ordering: .relaxed) }
    package var sent: Int { sentBytes.load(ordering: .relaxed) }

    // One thread writes, so no atomic addition is needed.
    func addReceived(_ count: Int) { receivedBytes.store(received + count, ordering: .relaxed) }
    func addSent(_ count: Int) { sentBytes.store(sent + count, ordering: .relaxed) }
}
