import Glibc
import Synchronization
import Testing

@testable import Transport

struct LoopWatchTests {
    @Test func `a stuck loop is noticed, and that it goes on`() async throws {
        let loops = [EventLoop(), EventLoop()]
        for loop in loops { loop.start(named: "watched") }
        defer { for loop in loops { loop.stop() } }
        let watch = LoopWatch(loops)
        func looks(_ expected: Bool, within: Duration = .seconds(180)) async throws -> Bool {
            let end = ContinuousClock.now + within
            while ContinuousClock.now < end {
                if watch.look() == expected { return true }
                try await Task.sleep(for: .milliseconds(5))
            }
            return false
        }
        #expect(try await looks(true))
        let gate = Gate()
        loops[1].execute { gate.wait() }
        while !gate.isHeld { try await Task.sleep(for: .milliseconds(5)) }
        // The question before is answered by both: the stuck one did so on its way there.
        #expect(try await looks(true))
        for _ in 0..<20 {
            try await Task.sleep(for: .milliseconds(5))
            #expect(!watch.look())
        }
        gate.open()
        #expect(try await looks(true))
    }
}

/// Blocks a thread, as a bug would.
private final class Gate: Sendable {
    private let ends: [Int32]
    private let held = Atomic(false)

    var isHeld: Bool { held.load(ordering: .relaxed) }

    init() {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0, "a pipe")
        self.ends = ends
    }

    deinit { for end in ends { close(end) } }

    func wait() {
        var byte: UInt8 = 0
        held.store(true, ordering: .relaxed)
        _ = read(ends[0], &byte, 1)
    }

    func open() {
        var byte: UInt8 = 1
        _ = write(ends[1], &byte, 1)
    }
}
