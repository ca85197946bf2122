import Foundation
import Synchronization
import Testing
import Transport

@testable import Admin

@Suite(.timeLimit(.minutes(5)))
struct EventTests {
    private static func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    @Test func `a listener gets all parts first, then those that have changed, then the end`() async {
        let feed = EventFeed()
        #expect(feed.join())
        var position = EventFeed.Position()
        feed.publish([.status: Array("1".utf8), .errors: Array("{}".utf8)])
        #expect(Self.text(await feed.next(&position)) == "event: status\ndata: 1\n\nevent: errors\ndata: {}\n\n")
        feed.publish([.status: Array("2".utf8), .errors: Array("{}".utf8)])
        feed.publish([.status: Array("3".utf8)])
        #expect(Self.text(await feed.next(&position)) == "event: status\ndata: 3\n\n", "a slow listener gets the latest only")
        var late = EventFeed.Position()
        #expect(Self.text(await feed.next(&late)) == "event: status\ndata: 3\n\nevent: errors\ndata: {}\n\n")
        feed.end()
        #expect(Self.text(await feed.next(&position))?.hasPrefix("event: end\ndata: {") == true)
        #expect(await feed.next(&position) == nil)
        #expect(!feed.join(), "nobody can listen any more")
    }

    @Test func `listeners are bounded, and what nobody heard is not kept`() async {
        let feed = EventFeed()
        for _ in 0..<EventFeed.maxListeners { #expect(feed.join()) }
        #expect(!feed.join())
        feed.leave()
        #expect(feed.join())
        feed.publish([.status: Array("old".utf8)])
        feed.reset()
        feed.publish([.traffic: Array("new".utf8)])
        var position = EventFeed.Position()
        #expect(Self.text(await feed.next(&position)) == "event: traffic\ndata: new\n\n")
    }

    @Test func `the state is read once a second for all listeners, and not for nobody`() async throws {
        let readings = Atomic(0)
        var sources = AdminHostTests.sources()
        sources.traffic = { [traffic = sources.traffic] in
            readings.add(1, ordering: .relaxed)
            return await traffic()
        }
        let admin = AdminHost(loop: EventLoop(), sources: sources)
        let listener = try Listener(on: try #require(SocketAddress("127.0.0.1:0")), host: admin)
        admin.loop.start(named: "admin")
        let clients = (0..<5).map { _ in Client(loop: EventLoop()) }
        for client in clients { client.loop.start(named: "client") }
        defer {
            listener.stop()
            admin.loop.stop()
            for client in clients { client.loop.stop() }
        }
        #expect(readings.load(ordering: .relaxed) == 0)
        let address = listener.address, began = ContinuousClock.now
        let streams = clients.map { client in
            Task { try await client.exchange("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", with: address) }
        }
        while await admin.listeners < 5 || readings.load(ordering: .relaxed) < 3 { try await Task.sleep(for: .milliseconds(20)) }
        await admin.end()
        let seconds = began.duration(to: .now) / .seconds(1)
        for stream in streams {
            let text = try await stream.value
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("Content-Type: text/event-stream\r\n"))
            for part in StatePart.allCases { #expect(text.contains("event: \(part.rawValue)\ndata: {"), "\(part)") }
            #expect(text.contains("retry: 2000\n\n") && text.contains("event: end\ndata: {") && text.hasSuffix("0\r\n\r\n"))
        }
        #expect(Double(readings.load(ordering: .relaxed)) <= seconds + 2, "five listeners, one reading a second")
    }
}
