import Crypto
import FoundationEssentials
import HTTP
import HTTPServer
import Telemetry
import Transport

/// Moves bodies between a client and an upstream with backpressure: what one read gave is written before the next read, and only what the
/// receiver does not take at once is copied. A client that does not read costs no buffer: nothing is read for it.
struct Relay {
    let client: ClientSide
    let upstream: UpstreamConnection
    let record: ExchangeRecord
    let transfers: WorkerTransfers

    /// Bytes of a response that move at once: as many TLS records as are read ahead. They stay in a core's fastest cache between the decryption and
    /// the kernel's copy. A request moves in pieces of up to the whole scratch buffer instead: its sender and its receiver are woken less often, which
    /// counts for more there.
    private static let responsePiece = 64 << 10
    /// Bytes read for a receiver that has less room, although the kernel calls it writable: its buffer is small.
    private static let slowRead = 16 << 10
    /// A receiver that has room, but calls itself full, is given this time to take more. It may not read at all for a while, and what fits its buffer
    /// is to be on its way then.
    private static let patience = Duration.milliseconds(100)
    /// Bytes that TLS reads ahead of a read at most. Below so much room it reads nothing ahead: the client may be about to stop, and what is read
    /// ahead would be kept until it goes on.
    private static let readAhead = 64 << 10
    /// Bytes of a response that leave with its head. They are copied once more; manifests and configurations are smaller, layers larger.
    private static let maxReady = (16 << 10) + chunkFraming

    private var scratch: UnsafeMutableRawBufferPointer { client.scratch }

    /// What may be read next: as much as the receiver's socket has room for, so that no more than `slowRead` is left to keep when it stops.
    /// TLS reads far ahead only while there is room for that too, after this read.
    /// - Parameters:
    ///   - piece: bytes at most.
    ///   - room: bytes that the receiver's socket takes at least.
    private func target(
        _ piece: Int, for room: Int, from sender: SocketStream, slowReadAhead: ReadAhead
    ) -> UnsafeMutableRawBufferPointer {
        let size = min(max(room, Self.slowRead), piece)
        sender.readAhead = room >= size + Self.readAhead ? .far : room >= Self.readAhead ? .record : slowReadAhead
        return UnsafeMutableRawBufferPointer(rebasing: scratch[chunkHeaderRoom..<(chunkHeaderRoom + size)])
    }

    /// Says how far a large body has come. A small one is not shown.
    /// - Parameters:
    ///   - count: bytes that have moved.
    ///   - remaining: bytes that are still to come; nil: not known.
    private func advance(to count: Int, remaining: Int?) {
        if let transfer = record.transfer { return transfer.advance(to: count) }
        Self.begin(record, at: count, remaining: remaining, in: transfers)
    }

    /// Begins to show a body.
    static func begin(_ record: ExchangeRecord, at count: Int, remaining: Int?, in transfers: WorkerTransfers) {
        guard count + (remaining ?? 0) >= Transfer.minBytes else { return }
        let transfer = transfers.begin(
            record.beginning(now: Date().timeIntervalSince1970, total: remaining.map { count + $0 }))
        transfer.advance(to: count)
        record.transfer = transfer
    }

    // MARK: The response

    /// The upstream's response to the client, to its end.
    func response(chunked: Bool) async throws {
        let loop = client.stream.loop
        var room = 0
        while true {
            if loop.isTurnOver { await loop.nextTurn() }
            // The kernel is asked for the room only when its last answer may not be enough for another piece.
            if room < Self.responsePiece + Self.readAhead {
                let buffer = client.stream.sendBuffer
                room = buffer.room
                // Nothing is held for a client that does not read. Where the kernel calls the socket writable the wait would end at once. To wait
                // while there is more room, as a push does, made pulls cost up to half as much again.
                if room < Self.slowRead, !buffer.isWritable {
                    try await client.waitUntilWritable()
                    continue
                }
            }
            let (frame, isEnd) = try await nextFrame(room, chunked: chunked)
            room -= frame.count
            advance(to: client.request.responseBodySent ?? 0, remaining: upstream.remainingLength.map { $0 + frame.count })
            // No await between the read above and this write: the scratch buffer is the loop's.
            let taken = try client.tryWrite(frame)
            if taken < frame.count || client.stream.hasUnsent {
                try await client.write([UInt8](UnsafeRawBufferPointer(rebasing: frame[taken...])))
            }
            if isEnd { return }
        }
    }

    /// Appends the response's first bytes, where they have come with its head: a small response then leaves in one write, and wakes its
    /// client once.
    static func appendReady(
        of upstream: UpstreamConnection, through scratch: UnsafeMutableRawBufferPointer, chunked: Bool, to output: OutputBuffer
    ) throws(ConnectionFailure) {
        guard !upstream.isBodyDone else { return }
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[chunkHeaderRoom..<(maxReady - 2)])
        if case .payload(let count) = try upstream.tryRead(into: room) {
            output.append(frame(count, in: scratch, chunked: chunked))
        }
        // The end of the body was there too. Nobody reads on, so the last chunk is written here.
        if chunked, upstream.isBodyDone { output.append("0\r\n\r\n") }
    }

    /// The next bytes for the client, framed, and whether they are the last. Waits only while there are none.
    /// - Parameter room: bytes that the client's socket takes at least.
    private func nextFrame(_ room: Int, chunked: Bool) async throws -> (UnsafeRawBufferPointer, isEnd: Bool) {
        let target = target(Self.responsePiece, for: room, from: upstream.stream, slowReadAhead: .nothing)
        while true {
            switch try upstream.tryRead(into: target) {
            case .payload(let count):
                let isEnd = upstream.isBodyDone && !chunked
                return (Self.frame(count, in: scratch, chunked: chunked), isEnd)
            case .end:
                guard chunked else { return (UnsafeRawBufferPointer(rebasing: scratch.prefix(0)), true) }
                scratch.copyBytes(from: "0\r\n\r\n".utf8)
                return (UnsafeRawBufferPointer(rebasing: scratch.prefix(5)), true)
            case .wantsRead: try await upstream.waitUntilReadable(timeout: client.stallTimeout)
            case .wantsWrite: try await upstream.waitUntilWritable(timeout: client.stallTimeout)
            }
        }
    }

    /// The payload of `count` bytes that lies behind the room for a chunk header, framed in place.
    private static func frame(_ count: Int, in scratch: UnsafeMutableRawBufferPointer, chunked: Bool) -> UnsafeRawBufferPointer {
        let end = chunkHeaderRoom + count
        guard chunked else { return UnsafeRawBufferPointer(rebasing: scratch[chunkHeaderRoom..<end]) }
        let start = writeChunkHeader(count, into: UnsafeMutableRawBufferPointer(rebasing: scratch[0..<chunkHeaderRoom]))
        scratch[end] = 13
        scratch[end + 1] = 10
        return UnsafeRawBufferPointer(rebasing: scratch[start..<(end + 2)])
    }

    // MARK: The request

    /// The client's body to the upstream, until its end or until the upstream responds.
    /// - Parameter body: takes what comes, for a replay.
    func request(chunked: Bool, body: inout ReplayBody) async throws {
        let loop = client.stream.loop
        let piece = scratch.count - chunkFraming
        var room = 0
        while true {
            if loop.isTurnOver { await loop.nextTurn() }
            if room < piece + Self.readAhead {
                var buffer = upstream.stream.sendBuffer
                // Many small reads for a receiver that is slow for a moment cost more than a wait. After the body's end there is nothing to wait for but
                // the response, which has a timeout of its own.
                if !buffer.isWritable, client.request.hasUnreadBody {
                    guard try await waitForUpstream(atMost: buffer.room < Self.slowRead ? nil : Self.patience) else { return }
                    buffer = upstream.stream.sendBuffer
                }
                room = buffer.room
            }
            let target = target(piece, for: room, from: client.stream, slowReadAhead: .record)
            switch try client.tryRead(into: target) {
            case .payload(let count):
                body.append(UnsafeRawBufferPointer(rebasing: target.prefix(count)))
                advance(to: client.request.bodyReceived, remaining: client.request.bodyRemaining)
                let frame = Self.frame(count, in: scratch, chunked: chunked)
                room -= frame.count
                let taken: Int
                do { taken = try upstream.tryWrite(frame) } catch {
                    // An upstream that rejects a body responds and closes; its response says more than the broken pipe.
                    if (try? hasResponded) == true { return }
                    throw error
                }
                if taken < frame.count || upstream.stream.hasUnsent {
                    let rest = [UInt8](UnsafeRawBufferPointer(rebasing: frame[taken...]))
                    guard try await write(rest) else { return }
                }
            case .end:
                if chunked, try await !write(Array("0\r\n\r\n".utf8)) { return }
                return upstream.finishRequest()
            case .wantsRead, .wantsWrite:
                guard try await waitForClient() else { return }
            }
        }
    }

    /// Waits for more of the request. false: the upstream has responded.
    private func waitForClient() async throws -> Bool {
        guard try !hasResponded else { return false }
        let waiter = client.stream.waiter
        waiter.reset()
        client.stream.watchReadable(timeout: client.stallTimeout)
        upstream.stream.watchReadable(timeout: nil)
        let wake = await waiter.wait()
        client.stream.unwatch()
        upstream.stream.unwatch()
        try check(wake, .client)
        return true
    }

    /// All of it to the upstream. false: the upstream has responded before it took all.
    private func write(_ bytes: [UInt8]) async throws -> Bool {
        var done = 0
        while true {
            do { done += try bytes.withUnsafeBytes { try upstream.tryWrite(UnsafeRawBufferPointer(rebasing: $0[done...])) } } catch
            {
                if (try? hasResponded) == true { return false }
                throw error
            }
            if done == bytes.count, !upstream.stream.hasUnsent { return true }
            guard try await waitForUpstream() else { return false }
        }
    }

    /// Waits until the upstream takes bytes again. false: it has responded.
    /// - Parameter patience: how long, where the upstream can take some already; nil: until it has stalled.
    private func waitForUpstream(atMost patience: Duration? = nil) async throws -> Bool {
        guard try !hasResponded else { return false }
        let waiter = upstream.stream.waiter, unacknowledged = upstream.stream.unacknowledged
        waiter.reset()
        upstream.stream.watchWritable(timeout: patience ?? client.stallTimeout)
        upstream.stream.watchReadable(timeout: nil)
        let wake = await waiter.wait()
        upstream.stream.unwatch()
        let isSlow = wake == .timedOut && (patience != nil || upstream.stream.hasTaken(since: unacknowledged))
        if !isSlow { try check(wake, .upstream) }
        return true
    }

    private var hasResponded: Bool {
        get throws(ConnectionFailure) { try upstream.tryReadHead(toHead: false, scratch: scratch) }
    }

    private func check(_ wake: Wake, _ side: ConnectionFailure.Side) throws(ConnectionFailure) {
        switch wake {
        case .ready: return
        case .timedOut:
            if side == .upstream { upstream.noteStall() }
            throw ConnectionFailure(side, .timedOut, call: "relay", reason: "no byte moved in \(client.stallTimeout)")
        case .cancelled:
            throw ConnectionFailure(side, .cancelled, call: "relay", reason: "the exchange was ended")
        }
    }
}
