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

    /// Fills the socket and waits for room, once for each limit; first `rounds` times with a peer that makes room.
    /// - Returns: how long each wait took that ended without room.
    func fullTimes(on near: Int32, from far: Int32, rounds: Int, staysWatched: Bool, limits: [Duration]) async throws -> [Duration]
    {
        let stream = SocketStream(near, on: loop)
        defer { stream.close() }
        stream.readiness.staysWatchedWritable = staysWatched
        var times: [Duration] = []
        for round in 0..<(rounds + limits.count) {
            while try stream.tryWrite(UnsafeRawBufferPointer(loop.scratch)) > 0 {}
            let limit = round < rounds ? .seconds(60) : limits[round - rounds]
            if round < rounds { Thread.detachNewThread { drain(far) } }
            let start = ContinuousClock.now
            do {
                try await stream.readiness.waitUntilWritable(timeout: limit)
                // The socket has room, and nobody waits for it.
                await loop.sleep(for: .milliseconds(5))
            } catch let error as TransportError where error.kind == .timedOut { times.append(ContinuousClock.now - start) }
        }
        return times
    }
}

/// Reads what is there, and what comes within a moment.
private func drain(_ descriptor: Int32) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { buffer in
        while poll(&entry, 1, 1) > 0, read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
    }
}

/// Two connected sockets that do not block.
private func socketPair() throws -> (near: Int32, far: Int32) {
    var pair: (Int32, Int32) = (0, 0)
    let made = withUnsafeMutablePointer(to: &pair) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) {
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, $0)
        }
    }
    try #require(made == 0)
    return pair
}

struct ReadinessTests {
    @Test(arguments: [false, true])
    func `a wait for room ends when there is room, or with its time`(staysWatched: Bool) async throws {
        let (near, far) = try socketPair()
        defer { close(far) }
        let waits = Waits()
        waits.loop.start(named: "waits")
        defer { waits.loop.stop() }
        let limits = [Duration.milliseconds(40), .milliseconds(5), .milliseconds(20)]
        let times = try await waits.fullTimes(on: near, from: far, rounds: 5, staysWatched: staysWatched, limits: limits)
        #expect(times.count == limits.count)
        for (time, limit) in zip(times, limits) { #expect(time >= limit && time < .seconds(60)) }
    }

    /// The limit of the waits before.
    @Test(arguments: [Duration.seconds(60), .milliseconds(20)])
    func `a wait has its own time, whether the timer of the one before ends sooner or later`(before: Duration) async throws {
        let (near, far) = try socketPair()
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
