import Foundation
import Logging
import Testing

@testable import Telemetry

struct LogLineTests {
    /// The line after the time, whose length is constant.
    static func withoutTime(_ bytes: [UInt8], _ format: LogFormat) -> String {
        let length = "2026-01-31T12:00:00.000Z".utf8.count + (format == .json ? #"{"time":""#.utf8.count : 0)
        return String(decoding: bytes.dropFirst(length), as: UTF8.self)
    }

    static func line(_ format: LogFormat, level: StaticString = "info", _ fill: (inout LogLine) -> Void) -> String {
        var clock = LogClock()
        var line = LogLine()
        line.begin(format, level: level, message: "access", clock: &clock)
        fill(&line)
        line.end()
        return withoutTime(Array(line.bytes), format)
    }

    @Test func `fields keep their order and type in both formats`() {
        func fill(_ line: inout LogLine) {
            line.field("path", "/v2/a/tags/list".utf8)
            line.field("status", 200)
            line.field("change", -7)
            line.field("seconds", nanoseconds: 61_002_003_999)
            line.field("end", "complete")
        }
        let json = #"","level":"info","message":"access","path":"/v2/a/tags/list","status":200,"change":-7,"#
        #expect(Self.line(.json, fill) == json + #""seconds":61.002003,"end":"complete"}"# + "\n")
        #expect(
            Self.line(.text, fill) == " info     access path=/v2/a/tags/list status=200 change=-7 seconds=61.002003 end=complete\n")
    }

    /// A line of a terminal without the time of day.
    static func short(_ format: LogFormat, level: StaticString = "info", _ fill: (inout LogLine) -> Void) -> String {
        var clock = LogClock()
        var line = LogLine()
        line.begin(format, level: level, message: "no token", clock: &clock)
        fill(&line)
        line.end()
        return String(decoding: line.bytes.dropFirst("12:00:00".utf8.count), as: UTF8.self)
    }

    @Test func `a line for a terminal has a mark, the message and the fields, in colour if that is wanted`() {
        func fill(_ line: inout LogLine) {
            line.field("upstream", "main".utf8)
            line.field("status", 200)
        }
        #expect(Self.short(.terminal, level: "warning", fill) == " warn  no token upstream=main status=200\n")
        let coloured = " \u{1B}[33mwarn \u{1B}[0m no token \u{1B}[2mupstream=\u{1B}[0mmain \u{1B}[2mstatus=\u{1B}[0m200\n"
        #expect(Self.short(.coloured, level: "warning", fill) == coloured)
        #expect(Self.short(.coloured, level: "error") { _ in } == " \u{1B}[31mERROR\u{1B}[0m no token\n")
    }

    @Test(arguments: hostile)
    func `no value from outside reaches a terminal raw`(value: [UInt8], json: String, text: String) {
        #expect(Self.short(.terminal) { $0.field("user", value) } == " info  no token user=\(text)\n")
        let word = Self.short(.terminal) { $0.word(value[...]) }
        #expect(word == " info  no token \(json.dropFirst().dropLast())\n")
        #expect(word.utf8.dropLast().allSatisfy { (32..<127).contains($0) })
    }

    @Test(arguments: ["trace", "info", "warning", "critical"])
    func `messages begin in the same column for every level`(level: String) {
        let names: [String: StaticString] = ["trace": "trace", "info": "info", "warning": "warning", "critical": "critical"]
        let column = level.padding(toLength: 9, withPad: " ", startingAt: 0)
        #expect(Self.line(.text, level: names[level] ?? "") { _ in } == " \(column)access\n")
    }

    /// A value from outside, its JSON and its text.
    static let hostile: [([UInt8], String, String)] = [
        (Array("plain".utf8), #""plain""#, "plain"),
        ([], #""""#, #""""#),
        (Array("x status=200".utf8), #""x status=200""#, #""x status=200""#),
        (Array(#"say "no" \ "#.utf8), #""say \"no\" \\ ""#, #""say \"no\" \\ ""#),
        (Array("a\r\n{\"b\":1}".utf8), #""a\u000d\u000a{\"b\":1}""#, #""a\u000d\u000a{\"b\":1}""#),
        ([27, 91, 51, 49, 109], #""\u001b[31m""#, #""\u001b[31m""#),
        ([127, 0], #""\u007f\u0000""#, #""\u007f\u0000""#),
        (Array("jürgen".utf8), #""j\u00fcrgen""#, #""j\u00fcrgen""#),
        (Array("🐳".utf8), #""\ud83d\udc33""#, #""\ud83d\udc33""#),
        (Array("\u{202E}gpj".utf8), #""\u202egpj""#, #""\u202egpj""#),
        ([97, 0xFF, 98], #""a\ufffdb""#, #""a\ufffdb""#),
    ]

    @Test(arguments: hostile)
    func `no value can break its line or forge another field`(value: [UInt8], json: String, text: String)
        throws
    {
        let line = Self.line(.json) { $0.field("user", value) }
        #expect(line == #"","level":"info","message":"access","user":\#(json)}"# + "\n")
        #expect(Self.line(.text) { $0.field("user", value) } == " info     access user=\(text)\n")
        let object = try JSONSerialization.jsonObject(with: Data((#"{"time":""# + line).utf8)) as? [String: String]
        #expect(object?["user"] == String(decoding: value, as: UTF8.self))
    }

    @Test(arguments: hostile)
    func `a field with a name from run time is written like any other`(value: [UInt8], json: String, text: String) {
        #expect(Self.line(.json) { $0.field(named: "user", value) } == Self.line(.json) { $0.field("user", value) })
        #expect(Self.line(.text) { $0.field(named: "user", value) } == " info     access user=\(text)\n")
    }

    @Test func `an identifier has all of its digits`() {
        let fields: (inout LogLine) -> Void = {
            $0.field("trace_id", hexadecimal: 1, 0xabcd_ef01_2345_6789)
            $0.field("parent_id", hexadecimal: 0xff)
        }
        let (trace, parent) = ("0000000000000001abcdef0123456789", "00000000000000ff")
        #expect(
            Self.line(.json, fields) == #"","level":"info","message":"access","trace_id":"\#(trace)","parent_id":"\#(parent)"}"#
                + "\n")
        #expect(Self.line(.text, fields) == " info     access trace_id=\(trace) parent_id=\(parent)\n")
    }

    @Test func `a line's time is the current time as RFC 3339 in UTC`() throws {
        var clock = LogClock()
        for _ in 0..<3 {
            var line = LineBuffer()
            clock.append(to: &line)
            let text = Array(line.bytes)
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let time = try Date(String(decoding: text, as: UTF8.self), strategy: format)
            #expect(abs(time.timeIntervalSinceNow) < 2)
        }
    }

    @Test func `metadata become fields sorted by name, and the event's replace the logger's`() {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text, level: .notice)
        var log = Logger(label: "test") { _ in StructuredLogHandler(sink: sink) }
        log[metadataKey: "upstream"] = "main"
        log[metadataKey: "a"] = "logger"
        log.info("not at this level")
        log.error("no token", metadata: ["a": "event", "reason": "denied: no"])
        sink.flush()
        let lines = pipe.tryRead().split(separator: "\n").map { Self.withoutTime(Array($0.utf8), .text) }
        #expect(lines == [#" error    no token a=event reason="denied: no" upstream=main"#])
    }

    static let typed: [(Logger.Metadata.Value, String)] = [
        (.stringConvertible(false), "false"), (.stringConvertible(true), "true"), (.stringConvertible(3), "3"),
        (.stringConvertible(-7 as Int64), "-7"), (.stringConvertible(UInt16.max), "65535"), (.stringConvertible(0.25), "0.25"),
        (.stringConvertible(1e300), "1e+300"),
        // Numbers that JSON does not have, and text that looks like a number or a boolean, stay text.
        (.stringConvertible(Double.infinity), #""inf""#), (.stringConvertible(Double.nan), #""nan""#), ("3", #""3""#),
        ("\(3)", #""3""#), ("true", #""true""#), (.stringConvertible(Duration.seconds(5)), #""5.0 seconds""#),
        (["a", "b"], #""[\"a\", \"b\"]""#),
    ]

    @Test(arguments: typed.indices)
    func `numbers and booleans in metadata stay numbers and booleans`(index: Int) throws {
        let (value, json) = Self.typed[index]
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .json, level: .notice)
        let log = Logger(label: "test") { _ in StructuredLogHandler(sink: sink) }
        log.notice("m", metadata: ["v": value])
        sink.flush()
        let line = pipe.tryRead()
        #expect(line.hasSuffix(#""message":"m","v":\#(json)}"# + "\n"))
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
    }
}

/// Both ends stay open for the process's lifetime: the sink's thread outlives the test.
struct TestPipe {
    let output: Int32, input: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0)
        (output, input) = (ends[0], ends[1])
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
    }

    /// All that the pipe holds now.
    func tryRead() -> String {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = read(output, &room, room.count), count > 0 { all += room[..<count] }
        return String(decoding: all, as: UTF8.self)
    }
}
