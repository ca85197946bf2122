import Glibc
import HTTP
import Testing
import Transport

@testable import HTTPServer

/// Both ends of a connected pair of sockets on one loop: a `MessageReader` on one, what a peer sends on the other.
actor ReadingPair {
    nonisolated let loop = EventLoop()
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// What was read, in order.
    struct Messages {
        var targets: [String] = []
        /// nil: larger than the limit.
        var bodies: [String?] = []
        var bodyReceived: [Int] = []
        var received = 0
        var hasBufferedInput = false
    }

    /// Sends `pieces` one after the other and then closes; reads `count` messages, with bodies of at most `limit` bytes.
    func read(_ pieces: [String], as kind: Head.Kind, count: Int, limit: Int = 1 << 20, scratch size: Int = 4096) async throws
        -> Messages
    {
        var descriptors: [Int32] = [0, 0]
        #expect(
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &descriptors) == 0)
        let peer = SocketStream(descriptors[0], on: loop), stream = SocketStream(descriptors[1], on: loop)
        defer { stream.close() }
        let sending = Task {
            for piece in pieces {
                try await peer.write(Array(piece.utf8), timeout: .seconds(10))
                await loop.sleep(for: .milliseconds(2))
            }
            peer.close()
        }
        let reader = MessageReader(stream, limits: HeadLimits(bytes: 1024), truncation: "the peer closed too early")
        let scratch = UnsafeMutableRawBufferPointer(rebasing: loop.scratch.prefix(size))
        let head = Head()
        var messages = Messages()
        for _ in 0..<count {
            reader.beginMessage()
            while try !reader.tryTakeHead(head, as: kind) {
                guard try await reader.receive(through: scratch, timeout: .seconds(10)) else {
                    throw TransportError(.closed, call: "", reason: "")
                }
            }
            reader.beginBody(head.framing)
            let body = try await reader.collect(upTo: limit, scratch: scratch, timeout: .seconds(10))
            messages.targets.append(String(decoding: head.target, as: UTF8.self))
            messages.bodies.append(body.map { String(decoding: $0, as: UTF8.self) })
            messages.bodyReceived.append(reader.bodyReceived)
        }
        (messages.received, messages.hasBufferedInput) = (reader.received, reader.hasBufferedInput)
        try await sending.value
        return messages
    }
}

struct MessageReaderTests {
    private static func read(
        _ pieces: [String], as kind: Head.Kind = .request, count: Int = 1, limit: Int = 1 << 20, scratch: Int = 4096
    ) async throws -> ReadingPair.Messages {
        let pair = ReadingPair()
        pair.loop.start(named: "reader")
        defer { pair.loop.stop() }
        return try await pair.read(pieces, as: kind, count: count, limit: limit, scratch: scratch)
    }

    private static let threeRequests =
        "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        + "PATCH /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n"
        + "GET /c HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test(arguments: [1, 2, 7, 64, 4096]) func `messages are separated whatever the size of the reads`(scratch: Int) async throws {
        let messages = try await Self.read([Self.threeRequests], count: 3, scratch: scratch)
        #expect(messages.targets == ["/a", "/b", "/c"])
        #expect(messages.bodies == ["abc", "def", ""])
        #expect(messages.bodyReceived == [3, 22, 0])
        #expect(!messages.hasBufferedInput)
    }

    @Test func `messages are separated when they come byte by byte`() async throws {
        let messages = try await Self.read(Self.threeRequests.map(String.init), count: 3)
        #expect(messages.targets == ["/a", "/b", "/c"])
        #expect(messages.bodies == ["abc", "def", ""])
        #expect(!messages.hasBufferedInput)
    }

    @Test(arguments: ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"])
    func `what comes after a body stays buffered`(rest: String) async throws {
        let wire = "PUT /a HTTP/1.1\r\nHost: x\r\n\(rest)GET /b"
        let messages = try await Self.read([wire])
        #expect(messages.bodies == ["abc"])
        #expect(messages.hasBufferedInput)
        #expect(messages.received == wire.utf8.count)
    }

    @Test func `a response without a length ends with the connection`() async throws {
        let messages = try await Self.read(["HTTP/1.1 200 OK\r\n\r\nab", "cd"], as: .response(toHead: false))
        #expect(messages.bodies == ["abcd"])
        #expect(messages.bodyReceived == [4])
    }

    @Test(arguments: [
        "Content-Length: 5\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ])
    func `a stream that ends in the middle of a body is a truncation error`(rest: String) async throws {
        let error = await #expect(throws: TransportError.self) {
            _ = try await Self.read(["PUT /a HTTP/1.1\r\nHost: x\r\n\(rest)"])
        }
        #expect(error?.kind == .closed && error?.reason == "the peer closed too early")
    }

    @Test(
        arguments: [
            ("Content-Length: 4\r\n\r\nabcd", 4, "abcd"), ("Content-Length: 4\r\n\r\nabcd", 3, nil),
            ("Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", 3, nil),
        ] as [(String, Int, String?)])
    func `a body larger than the limit is not collected`(rest: String, limit: Int, body: String?) async throws {
        let messages = try await Self.read(["PUT /a HTTP/1.1\r\nHost: x\r\n\(rest)"], limit: limit)
        #expect(messages.bodies == [body])
    }

    @Test func `a head larger than the limit is refused`() async throws {
        await #expect(throws: HeadError.headTooLarge) {
            _ = try await Self.read(["GET /\(String(repeating: "a", count: 2000)) HTTP/1.1\r\nHost: x\r\n\r\n"])
        }
    }

    @Test func `a malformed chunk is refused`() async throws {
        await #expect(throws: HeadError.badChunk) {
            _ = try await Self.read(["PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"])
        }
    }
}
