import Testing

@testable import HTTP

/// W3C Trace Context, level 2, section 3.2.
struct TraceContextTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c", parent = "b7ad6b7169203331"
    private static let span: UInt64 = 0xf0_67aa_0ba9_02b7

    private static func parsed(_ fields: String...) throws -> TraceContext? {
        var reader = HeadReader(limits: HeadLimits())
        let lines = ["GET / HTTP/1.1", "Host: h"] + fields
        reader.input.append(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        let head = Head()
        #expect(try reader.take(head, as: .request))
        return TraceContext(head, span: span)
    }

    private static func upstream(_ trace: TraceContext) -> String {
        let output = OutputBuffer()
        trace.appendField(to: output)
        return String(decoding: output.bytes, as: UTF8.self)
    }

    @Test(
        arguments: [
            ("00-\(trace)-\(parent)-01", "01"), ("00-\(trace)-\(parent)-00", "00"),
            // Level 2 adds the second flag; those that no level defines are cleared (3.2.2.5).
            ("00-\(trace)-\(parent)-03", "03"), ("00-\(trace)-\(parent)-02", "02"), ("00-\(trace)-\(parent)-ff", "03"),
            ("00-\(trace)-\(parent)-09", "01"),
            // Of a version to come only the first flag is known (3.2.4).
            ("01-\(trace)-\(parent)-01", "01"), ("cc-\(trace)-\(parent)-03", "01"), ("fe-\(trace)-\(parent)-00", "00"),
            ("cc-\(trace)-\(parent)-01-what-the-future-will-be-like", "01"), ("cc-\(trace)-\(parent)-01-", "01"),
        ])
    func `a valid trace goes on with Berth's span as the parent`(value: String, flags: String) throws {
        let trace = try #require(try Self.parsed("traceparent: \(value)"))
        #expect(trace.parent == 0xb7ad_6b71_6920_3331)
        #expect(Self.upstream(trace) == "traceparent: 00-\(Self.trace)-00f067aa0ba902b7-\(flags)\r\n")
        #expect(try Self.parsed("TraceParent:  \(value) ") == trace)
    }

    @Test(
        arguments: [
            "", "00", "00-", "-", "garbage",
            "ff-\(trace)-\(parent)-01", "00-\(trace)-\(parent)-01-", "00-\(trace)-\(parent)-01-more", "00-\(trace)-\(parent)-1",
            "00-\(trace)-\(parent)", "00-\(trace)-\(parent)-", "00-\(trace)-\(parent)-0x", "00-\(trace)-\(parent)-0G",
            "0-\(trace)-\(parent)-01", "000-\(trace)-\(parent)-01", "0A-\(trace)-\(parent)-01", "FF-\(trace)-\(parent)-01",
            "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace.uppercased())-\(parent)-01", "00-\(trace)-\(parent.uppercased())-01", "00-\(trace)-\(parent)-0A",
            "00-\(trace.dropLast())-\(parent)-01", "00-\(trace)0-\(parent)-01", "00-\(trace)-\(parent.dropLast())-01",
            "00-\(trace)-\(parent)0-01", "00-\(trace.dropLast())x-\(parent)-01", "00-\(trace)-x\(parent.dropFirst())-01",
            "00_\(trace)-\(parent)-01", "00-\(trace)_\(parent)-01", "00-\(trace)-\(parent)_01", "00 \(trace) \(parent) 01",
            "cc-\(trace)-\(parent)-01.more", "cc-\(trace)-\(parent)-011", "cc-\(trace)-\(parent)-0",
            "00-\(trace)-\(parent)-01,00-\(trace)-\(parent)-01",
        ])
    func `an invalid trace is not gone on with`(value: String) throws {
        #expect(try Self.parsed("traceparent: \(value)") == nil)
    }

    @Test func `two traces are none`() throws {
        let field = "traceparent: 00-\(Self.trace)-\(Self.parent)-01"
        #expect(try Self.parsed() == nil)
        #expect(try Self.parsed(field) != nil)
        #expect(try Self.parsed(field, field) == nil)
        #expect(try Self.parsed("traceparent: x", field) == nil)
    }

    @Test func `a new trace is not sampled and has no parent`() {
        let trace = TraceContext(high: 1, low: 0xabc, span: 2)
        #expect(trace.parent == nil)
        #expect(Self.upstream(trace) == "traceparent: 00-00000000000000010000000000000abc-0000000000000002-00\r\n")
    }
}
