import Foundation
import Testing

@testable import Transport

/// Waits on one socket, whose other end it has too.
private actor Waits {
    nonisolated let loop = EventLoop(isPreferred: true)
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Waits as long as each of the limits allows, after a byte has ended a wait with the limit before it.
    /// - Returns: how long each wait took that no byte ended.
    func times(on near: Int32, from far: Int32, between: Duration, and limits: [Duration]) async throws -> [Duration] {
        let stream = SocketStream(near, on: loop)
        defer { stream.close() }
        var times: [Duration] = []
        for limit in limits {
            write(far, "x", 1)
            try await stream.waitUntilReadable(timeout: between)
            _ = try stream.tryRead(into: loop.scratch)
            let start = ContinuousClock.now
            do {
                try await stream.waitUntilReadable(timeout: limit)
                return times
            } catch let error as TransportError where error.kind == .timedOut { times.append(ContinuousClock.now - start) }
        }
        return times
    }
}

struct ReadinessTests {
    /// The limit of the waits before.
    @Test(arguments: [Duration.seconds(60), .milliseconds(20)])
    func `a wait has its own time, whether the timer of the one before ends sooner or later`(before: Duration) async throws {
        var descriptors: (Int32, Int32) = (0, 0)
        let made = withUnsafeMutablePointer(to: &descriptors) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, $0)
            }
        }
        try #require(made == 0)
        let (near, far) = descriptors
        defer { close(far) }
        let waits = Waits()
        waits.loop.start(named: "waits")
        defer { waits.loop.stop() }
        let limits = [Duration.milliseconds(60), .milliseconds(5), .milliseconds(30)]
        let times = try await waits.times(on: near, from: far, between: before, and: limits)
        #expect(times.count == limits.count)
        for (time, limit) in zip(times, limits) { #expect(time >= limit && time < .seconds(60)) }
    }
}
