import Synchronization

/// Bytes that crossed the sockets of one side of a loop, above TLS: heads, bodies and their framing. The loop adds, anybody may read.
public final class ByteTally: Sendable {
    private let receivedBytes = Atomic(0), sentBytes = Atomic(0)

    public init() {}

    public var received: Int { receivedBytes.load(ordering: .relaxed) }
    public var sent: Int { sentBytes.load(ordering: .relaxed) }

    // One thread writes, so no atomic addition is needed.
    func addReceived(_ count: Int) { receivedBytes.store(received + count, ordering: .relaxed) }
    func addSent(_ count: Int) { sentBytes.store(sent + count, ordering: .relaxed) }
}
