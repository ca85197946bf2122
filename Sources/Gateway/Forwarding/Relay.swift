import Crypto
import HTTP
import HTTPServer
import Transport

/// Which side of an exchange ended it.
enum Side: Sendable { case client, upstream }

/// An exchange's end that is not an answer: who, and why.
struct RelayError: Error {
    let side: Side
    let cause: any Error

    var isStall: Bool { (cause as? TransportError)?.kind == .timedOut }
}

/// Moves bodies with backpressure: what one read gave is written before the next read, and only what the receiver does not take
/// at once is copied. A slow receiver costs the memory of one slow read.
struct Relay {
    let request: Request
    let stallTimeout: Duration

    /// Read for a client whose socket is full: all that is kept of a response while it does not go on.
    private static let slowRead = 16 << 10
    /// The same of a request. There is no TLS buffer of an upstream's records beside it, and an upload's receiver is often full for a moment
    /// only: with 16 KiB a push costs an eighth more.
    private static let slowUploadRead = 32 << 10

    /// What may be read next: as much as the receiver's socket has room for, so that no more than `slowRead` is left for us to keep when it
    /// stops. TLS reads far ahead only while there is room for another read after this one, which then uses up what was read ahead.
    private func room(from sender: SocketStream, to receiver: SocketStream, atLeast slowRead: Int = slowRead)
        -> UnsafeMutableRawBufferPointer
    {
        let space = receiver.roomToSend
        let size = min(max(space, slowRead), scratch.count)
        sender.readsFarAhead = space >= 2 * scratch.count
        return UnsafeMutableRawBufferPointer(rebasing: scratch[chunkHeaderRoom..<(size - 2)])
    }

    private var client: SocketStream { request.connection.stream }
    private var scratch: UnsafeMutableRawBufferPointer { request.connection.scratch }

    /// The upstream's answer to the client, to its end.
    func answer(from upstream: UpstreamConnection, chunked: Bool) async throws {
        while true {
            if client.loop.isTurnOver { await client.loop.nextTurn() }
            let (frame, isEnd) = try await nextFrame(of: upstream, chunked: chunked)
            // No await between the read above and this write: the scratch buffer is the loop's.
            let taken = try write(frame, to: client, .client)
            if taken < frame.count || client.hasUnsent {
                let rest = [UInt8](UnsafeRawBufferPointer(rebasing: frame[taken...]))
                try await write(rest, to: client, .client)
            }
            if isEnd { return }
        }
    }

    /// Appends the answer's first bytes, where they have come with its head: a small answer then leaves in one write, and wakes its
    /// client once.
    func appendReady(from upstream: UpstreamConnection, chunked: Bool, to bytes: inout [UInt8]) throws {
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[chunkHeaderRoom..<Self.readyBytes])
        do {
            guard !upstream.isBodyDone else { return }
            if case .payload(let count) = try upstream.tryRead(into: room) {
                bytes.append(contentsOf: Self.frame(count, in: scratch, chunked: chunked))
            }
            // The whole body was there, its end included: nobody reads on, so the last chunk goes with it.
            if chunked, upstream.isBodyDone { bytes.append("0\r\n\r\n") }
        } catch { throw RelayError(side: .upstream, cause: error) }
    }

    /// Copied once more on its way; manifests and configurations are below it, layers above.
    private static let readyBytes = 16 << 10

    /// The next bytes for the client, framed, and whether they are the last. Waits only while there are none.
    private func nextFrame(
        of upstream: UpstreamConnection, chunked: Bool
    ) async throws -> (UnsafeRawBufferPointer, isEnd: Bool) {
        let room = room(from: upstream.stream, to: client)
        while true {
            do {
                switch try upstream.tryRead(into: room) {
                case .payload(let count):
                    let isEnd = upstream.isBodyDone && !chunked
                    return (Self.frame(count, in: scratch, chunked: chunked), isEnd)
                case .end:
                    guard chunked else { return (UnsafeRawBufferPointer(rebasing: scratch.prefix(0)), true) }
                    scratch.copyBytes(from: "0\r\n\r\n".utf8)
                    return (UnsafeRawBufferPointer(rebasing: scratch.prefix(5)), true)
                case .wantsRead: try await upstream.stream.waitUntilReadable(timeout: stallTimeout)
                case .wantsWrite: try await upstream.stream.waitUntilWritable(timeout: stallTimeout)
                }
            } catch { throw RelayError(side: .upstream, cause: error) }
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

    private func write(_ bytes: UnsafeRawBufferPointer, to stream: SocketStream, _ side: Side) throws(RelayError) -> Int {
        do { return try stream.tryWrite(bytes) } catch { throw RelayError(side: side, cause: error) }
    }

    func write(_ bytes: [UInt8], to stream: SocketStream, _ side: Side) async throws {
        do { try await stream.write(bytes, timeout: stallTimeout) } catch { throw RelayError(side: side, cause: error) }
    }

    /// The client's body to the upstream, until its end or until the upstream answers before it.
    /// - Parameters:
    ///   - kept: what has been taken from the client, for a replay; nil once it is more than `maxKept`.
    ///   - payload: counts what has been taken from the client.
    func body(
        to upstream: UpstreamConnection, chunked: Bool, kept: inout [UInt8]?, payload: inout Int
    ) async throws -> Bool {
        while true {
            if client.loop.isTurnOver { await client.loop.nextTurn() }
            let room = room(from: client, to: upstream.stream, atLeast: Self.slowUploadRead)
            let progress: BodyProgress
            do { progress = try request.tryRead(into: room) } catch { throw RelayError(side: .client, cause: error) }
            switch progress {
            case .payload(let count):
                payload += count
                if var bytes = kept {
                    kept = nil  // so that appending does not copy
                    if bytes.count + count <= Self.maxKept {
                        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: room.prefix(count)))
                        kept = bytes
                    }
                }
                let frame = Self.frame(count, in: scratch, chunked: chunked)
                let taken: Int
                do { taken = try write(frame, to: upstream.stream, .upstream) } catch {
                    // An upstream that refuses a body answers and closes; its answer says more than the broken pipe.
                    if (try? hasAnswered(upstream)) == true { return false }
                    throw error
                }
                if taken < frame.count || upstream.stream.hasUnsent {
                    let rest = [UInt8](UnsafeRawBufferPointer(rebasing: frame[taken...]))
                    guard try await write(rest, orAnswerOf: upstream) else { return false }
                }
            case .end:
                if chunked, try await !write(Array("0\r\n\r\n".utf8), orAnswerOf: upstream) { return false }
                upstream.requestIsWhole()
                return true
            case .wantsRead, .wantsWrite:
                guard try await clientBytes(orAnswerOf: upstream) else { return false }
            }
        }
    }

    /// An upload of at most this size can be sent again after the upstream has refused the token.
    static let maxKept = 64 << 10

    /// false: the upstream has answered.
    private func clientBytes(orAnswerOf upstream: UpstreamConnection) async throws -> Bool {
        guard try !hasAnswered(upstream) else { return false }
        let waiter = client.waiter
        waiter.reset()
        client.watchReadable(timeout: stallTimeout)
        upstream.stream.watchReadable(timeout: nil)
        let wake = await waiter.wait()
        client.unwatch()
        upstream.stream.unwatch()
        try check(wake, .client)
        return true
    }

    /// false: the upstream has answered before it took all.
    private func write(_ bytes: [UInt8], orAnswerOf upstream: UpstreamConnection) async throws -> Bool {
        var done = 0
        while true {
            let (taken, failure) = bytes.withUnsafeBytes { all -> (Int, TransportError?) in
                do throws(TransportError) {
                    return (try upstream.stream.tryWrite(UnsafeRawBufferPointer(rebasing: all[done...])), nil)
                } catch { return (0, error) }
            }
            if let failure {
                if (try? hasAnswered(upstream)) == true { return false }
                throw RelayError(side: .upstream, cause: failure)
            }
            done += taken
            if done == bytes.count, !upstream.stream.hasUnsent { return true }
            guard try !hasAnswered(upstream) else { return false }
            let waiter = upstream.stream.waiter
            waiter.reset()
            upstream.stream.watchWritable(timeout: stallTimeout)
            upstream.stream.watchReadable(timeout: nil)
            let wake = await waiter.wait()
            upstream.stream.unwatch()
            try check(wake, .upstream)
        }
    }

    private func hasAnswered(_ upstream: UpstreamConnection) throws(RelayError) -> Bool {
        do { return try upstream.tryReadHead(toHead: false, scratch: scratch) } catch {
            throw RelayError(side: .upstream, cause: error)
        }
    }

    private func check(_ wake: Wake, _ side: Side) throws(RelayError) {
        switch wake {
        case .ready: return
        case .timedOut:
            throw RelayError(
                side: side, cause: TransportError(.timedOut, call: "relay", reason: "no byte moved in \(stallTimeout)"))
        case .cancelled:
            throw RelayError(side: side, cause: TransportError(.cancelled, call: "relay", reason: "the exchange was ended"))
        }
    }
}
