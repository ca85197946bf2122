import Testing

@testable import HTTP

struct BodyDecoderTests {
    private static func decode(_ text: String, _ decoder: inout BodyDecoder) throws -> (payload: String, taken: Int) {
        var buffer = Array(text.utf8)
        let (payload, taken) = try buffer.withUnsafeMutableBytes { try decoder.decode($0) }
        return (String(decoding: buffer.prefix(payload), as: UTF8.self), taken)
    }

    /// What a test compares: a decoder cannot be copied into the macro.
    private static func end(of decoder: borrowing BodyDecoder) -> (isDone: Bool, mayEndWithConnection: Bool, remaining: Int?) {
        (decoder.isDone, decoder.mayEndWithConnection, decoder.remainingLength)
    }

    @Test func `no body is done at once and takes nothing`() throws {
        var decoder = BodyDecoder(.none)
        #expect(Self.end(of: decoder) == (true, true, 0))
        #expect(try Self.decode("GET", &decoder) == ("", 0))
    }

    @Test func `a body with a length is done at that length`() throws {
        var decoder = BodyDecoder(.length(5))
        #expect(try Self.decode("abc", &decoder) == ("abc", 3))
        #expect(Self.end(of: decoder) == (false, false, 2))
        #expect(try Self.decode("deGET", &decoder) == ("de", 2))
        #expect(Self.end(of: decoder).isDone)
    }

    @Test func `a chunked body is done after its last chunk, and its length is not known`() throws {
        var decoder = BodyDecoder(.chunked)
        #expect(try Self.decode("2\r\nab\r\n", &decoder) == ("ab", 7))
        #expect(Self.end(of: decoder) == (false, false, nil))
        #expect(try Self.decode("0\r\n\r\nGET", &decoder) == ("", 5))
        #expect(Self.end(of: decoder).isDone)
    }

    @Test func `a body without a length takes all and may end with the connection`() throws {
        var decoder = BodyDecoder(.untilClose)
        #expect(try Self.decode("abc", &decoder) == ("abc", 3))
        #expect(Self.end(of: decoder) == (false, true, nil))
    }
}
