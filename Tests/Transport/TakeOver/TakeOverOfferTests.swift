import Crypto
import Foundation
import Glibc
import Synchronization
import Testing

@testable import Transport

/// Other tests may keep Swift's pool busy for long.
private let patience = Duration.seconds(180)

/// Runs what blocks its thread on a thread of its own: the offer's tasks need those of Swift's pool.
private func apart<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result(catching: work)) }
    }
}

private func connect(_ path: String) async throws -> Predecessor? {
    try await apart { try Predecessor.connect(to: path, version: "1", patience: patience) }
}

private func replace(_ path: String) async throws {
    let predecessor = try #require(try await connect(path))
    try await apart { try predecessor.replace() }
}

/// The message that a socket receives, as a rejection's reason.
private func rejection(_ socket: LocalSocket) async throws -> String {
    guard case .rejected(let reason) = try await apart({ try TakeOverMessage(try socket.receive(within: patience).bytes) })
    else {
        throw TakeOverError("no rejection")
    }
    return reason
}

/// The running process's side against the new one's, both in this process.
struct TakeOverOfferTests {
    /// An offer on a loop of its own, and what has become of it.
    private final class Running: Sendable {
        let loop = EventLoop(), directory: String, offer: TakeOverOffer
        let events: AsyncStream<TakeOverOffer.Event>

        init(_ sockets: [HandedSocket], patience: Duration = .seconds(30), directory shared: String? = nil) throws {
            directory =
                shared ?? FileManager.default.temporaryDirectory.appendingPathComponent("berth-\(UUID().uuidString.prefix(8))").path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let (events, continuation) = AsyncStream<TakeOverOffer.Event>.makeStream()
            self.events = events
            offer = try TakeOverOffer(
                at: directory + "/offer", on: loop, patience: patience,
                estate: { TakeOverOffer.Estate(sockets: sockets, key: Secret([1, 2, 3])) }, report: { continuation.yield($0) })
            loop.start(named: "offer")
            Task { [offer] in await offer.run() }
        }

        deinit {
            loop.stop()
            try? FileManager.default.removeItem(atPath: directory)
        }

        func next() async throws -> TakeOverOffer.Event {
            for await event in events { return event }
            throw TakeOverError("no event")
        }
    }

    private static func sockets(_ count: Int) throws -> [HandedSocket] {
        let any = SocketAddress(ipv4: (127, 0, 0, 1), port: 0)
        let first = try ListeningSocket(on: any)
        try first.listen()
        return try [HandedSocket(configured: any, socket: first)]
            + (1..<count).map { _ in
                let socket = try ListeningSocket(on: first.address, isShared: true)
                try socket.listen()
                return HandedSocket(configured: any, socket: socket)
            }
    }

    /// More than fit into one message.
    @Test(arguments: [1, 64, 65, 200])
    func `all sockets are handed over, and listen`(_ count: Int) async throws {
        let sockets = try Self.sockets(count)
        let running = try Running(sockets)
        let predecessor = try #require(try await connect(running.offer.path))
        #expect(predecessor.process == getpid() && predecessor.key == Secret([1, 2, 3]))
        let claimed = predecessor.sockets.claim(sockets[0].socket.address)
        #expect(claimed.count == count && claimed.allSatisfy { $0.isListening && $0.address == sockets[0].socket.address })
        guard case .began(_, "1") = try await running.next() else { throw TakeOverError("not begun") }
        try await apart { try predecessor.replace() }
        guard case .handedOver = try await running.next() else { throw TakeOverError("not handed over") }
        await #expect(throws: TakeOverError.self) { try await replace(running.offer.path) }
    }

    @Test func `a second new process is told that the first one is taking over`() async throws {
        let running = try Running(try Self.sockets(1))
        let first = try #require(try await connect(running.offer.path))
        let error = await #expect(throws: TakeOverError.self) { _ = try await connect(running.offer.path) }
        #expect(error?.description.contains("process \(getpid()) is taking over already") == true, "\(error?.description ?? "")")
        try await apart { try first.replace() }
    }

    @Test func `a process that fails, leaves or is silent changes nothing`() async throws {
        let running = try Running(try Self.sockets(1), patience: .milliseconds(300))
        func reason() async throws -> String {
            while true { if case .failed(_, let reason) = try await running.next() { return reason } }
        }
        let path = running.offer.path
        try #require(try await connect(path)).giveUp(because: "berth.yaml:1: wrong")
        #expect(try await reason() == "berth.yaml:1: wrong")
        _ = try await connect(path)
        #expect(try await reason().contains("closed the connection"))
        let silent = try await connect(path)
        #expect(try await reason().contains("said nothing for 0.3 seconds"))
        _ = silent
        try await replace(path)
    }

    @Test(arguments: ["GET / HTTP/1.1", "berth take-over 1\nready", "berth take-over 7\nrequest\nversion 1"])
    func `a message that makes no sense ends with a message`(_ text: String) async throws {
        let running = try Running(try Self.sockets(1))
        let socket = try LocalSocket.connect(to: running.offer.path)
        _ = try socket.trySend(Array(text.utf8))
        _ = try await rejection(socket)
        try await replace(running.offer.path)
    }

    @Test func `descriptors that come with a wrong message are closed`() async throws {
        let running = try Running(try Self.sockets(1))
        let socket = try LocalSocket.connect(to: running.offer.path)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let read = Descriptor(owning: ends[0])
        _ = try socket.trySend(Array("nonsense".utf8), [ends[1]])
        Glibc.close(ends[1])
        _ = try await rejection(socket)
        // The end of the pipe: nobody has its other end open any more.
        var byte: UInt8 = 0
        #expect(Glibc.read(read.number, &byte, 1) == 0)
    }

    @Test func `a message that is too long is rejected`() async throws {
        let running = try Running(try Self.sockets(1))
        let socket = try LocalSocket.connect(to: running.offer.path)
        _ = try socket.trySend([UInt8](repeating: 65, count: LocalSocket.maxMessageBytes + 1))
        #expect(try await rejection(socket).contains("more than \(LocalSocket.maxMessageBytes) bytes"))
    }

    @Test func `an offer that ends removes its socket, but not that of the next process`() async throws {
        let first = try Running(try Self.sockets(1))
        let path = first.offer.path
        let second = try Running(try Self.sockets(1), directory: first.directory)
        await first.offer.close(because: "over")
        #expect(try await connect(path) != nil)
        await second.offer.close(because: "over")
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try await connect(path) == nil)
    }

    /// Even one that is put there between a look at the path and the removal.
    @Test func `a process that was taken over removes no socket`() async throws {
        let running = try Running(try Self.sockets(1))
        try await replace(running.offer.path)
        await running.offer.close(because: "over")
        #expect(FileManager.default.fileExists(atPath: running.offer.path))
    }

    @Test func `only the user may connect to the socket`() throws {
        let running = try Running(try Self.sockets(1))
        #expect(try FileManager.default.attributesOfItem(atPath: running.offer.path)[.posixPermissions] as? Int == 0o600)
    }

    @Test func `nothing at the path, and nobody behind it, is no process to take over from`() async throws {
        let running = try Running(try Self.sockets(1))
        #expect(try await connect(running.directory + "/none") == nil)
        let error = await #expect(throws: TakeOverError.self) {
            try await connect("/tmp/" + String(repeating: "x", count: 110))
        }
        #expect(error?.description.contains("RUNTIME_DIRECTORY") == true)
    }
}
