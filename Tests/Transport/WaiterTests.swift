import Testing

@testable import Transport

/// Waits on its own loop.
private actor Waiting {
    nonisolated let loop = EventLoop()
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let waiter = Waiter()

    func waitAfterWake(_ wake: Wake) async -> Wake {
        waiter.wake(wake)
        return await waiter.wait()
    }

    func wakeDuringWait(_ wake: Wake) async -> Wake {
        loop.after(.milliseconds(1)) { self.assumeIsolated { $0.waiter.wake(wake) } }
        return await waiter.wait()
    }

    func wakeAfterReset() async -> Wake {
        waiter.wake(.timedOut)
        waiter.reset()
        return await wakeDuringWait(.ready)
    }

    func waitsAfterCancel() async -> [Wake] {
        waiter.cancel()
        var wakes: [Wake] = []
        for _ in 0..<3 { wakes.append(await waiter.wait()) }
        waiter.onNextWake { wakes.append($0) }
        return wakes
    }

    func callbacks() -> [Wake] {
        var wakes: [Wake] = []
        waiter.onNextWake { wakes.append($0) }
        waiter.wake(.ready)
        waiter.wake(.timedOut)
        return wakes
    }
}

struct WaiterTests {
    private static func with<Result>(_ body: (Waiting) async -> Result) async -> Result {
        let waiting = Waiting()
        waiting.loop.start(named: "waiter")
        defer { waiting.loop.stop() }
        return await body(waiting)
    }

    @Test(arguments: [Wake.ready, .timedOut, .cancelled]) func `a wait ends with the wake that comes before or during it`(
        wake: Wake
    ) async {
        #expect(await Self.with { await $0.waitAfterWake(wake) } == wake)
        #expect(await Self.with { await $0.wakeDuringWait(wake) } == wake)
    }

    @Test func `a wake before a reset does not end the next wait`() async {
        #expect(await Self.with { await $0.wakeAfterReset() } == .ready)
    }

    @Test func `every wait after a cancellation ends at once`() async {
        #expect(await Self.with { await $0.waitsAfterCancel() } == [.cancelled, .cancelled, .cancelled, .cancelled])
    }

    @Test func `a callback is called for one wake only`() async {
        #expect(await Self.with { await $0.callbacks() } == [.ready])
    }
}
