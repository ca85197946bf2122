import Testing

@testable import Transport

struct TakeOverMessageTests {
    private static let address = SocketAddress(ipv4: (127, 0, 0, 1), port: 0)

    @Test(arguments: [
        TakeOverMessage.request(version: "0.1.0"),
        .sockets(
            [.init(address: address, isAdmin: true), .init(address: SocketAddress(ipv4: (0, 0, 0, 0), port: 5000))], remaining: 3,
            key: [0, 255, 16]),
        .sockets([], remaining: 0, key: nil), .ready, .released, .rejected(reason: "draining"),
        .failed(reason: "no token"),
    ])
    func `a message is read as it was written`(_ message: TakeOverMessage) throws {
        #expect(try TakeOverMessage(message.bytes) == message)
    }

    @Test func `messages are lines of text`() {
        #expect(
            String(
                decoding: TakeOverMessage.sockets(
                    [.init(address: Self.address), .init(address: Self.address, isAdmin: true)], remaining: 2, key: [10]
                ).bytes, as: UTF8.self)
                == "berth take-over 1\nsockets\nremaining 2\nkey 0a\nsocket 127.0.0.1:0\nsocket 127.0.0.1:0 admin")
    }

    @Test func `words of later versions are skipped`() throws {
        let text = "berth take-over 1\nrequest\ncolour blue\nversion 2.0.0\nsize"
        #expect(try TakeOverMessage(Array(text.utf8)) == .request(version: "2.0.0"))
    }

    @Test func `a reason stays on its line and within a message`() throws {
        let reason = String(repeating: "many\nlines ", count: 5000)
        let bytes = TakeOverMessage.failed(reason: reason).bytes
        #expect(bytes.count < LocalSocket.maxMessageBytes)
        guard case .failed(let read) = try TakeOverMessage(bytes) else { throw TakeOverError("another message") }
        #expect(read.hasPrefix("many lines many lines ") && !read.contains("\n"))
    }

    @Test(arguments: [
        ("", "does not begin with"), ("berth take-over 1", "does not begin with"),
        ("GET / HTTP/1.1\r\n\r\n", "does not begin with"),
        ("berth take-over 2\nrequest\nversion 9", "hands over by version 2, this one by 1"),
        ("berth take-over 1\nrequest", "'request' lacks 'version'"), ("berth take-over 1\nhello", "'hello' is not known"),
        ("berth take-over 1\nsockets\nremaining many", "'remaining many' is no number"),
        ("berth take-over 1\nsockets\nremaining -1", "'remaining -1' is no number"),
        ("berth take-over 1\nsockets\nremaining 0\nsocket localhost:1", "'socket localhost:1' is no address and port"),
        ("berth take-over 1\nsockets\nremaining 0\nkey xyz", "'key' is not 1 to 64 bytes"),
        ("berth take-over 1\nsockets\nremaining 0\nkey " + String(repeating: "00", count: 65), "'key' is not 1 to 64 bytes"),
        ("berth take-over 1\nfailed", "'failed' lacks 'reason'"),
    ])
    func `a malformed message is rejected with what is wrong`(_ text: String, _ expected: String) {
        let error = #expect(throws: TakeOverError.self) { try TakeOverMessage(Array(text.utf8)) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "none")")
    }

    @Test func `bytes that are no text are rejected`() {
        #expect(throws: TakeOverError.self) { try TakeOverMessage([0xff, 0xfe]) }
    }
}
