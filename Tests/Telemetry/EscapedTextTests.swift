import Testing

@testable import Telemetry

struct EscapedTextTests {
    /// As JSON has it, byte by byte.
    private static func escaped(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).utf16.map { unit in
            switch unit {
            case 34, 92: "\\" + String(UnicodeScalar(UInt8(unit)))
            case 32..<127: String(UnicodeScalar(UInt8(unit)))
            default: "\\u" + String(UInt32(unit) + 0x10000, radix: 16).dropFirst()
            }
        }.joined()
    }

    private static func line(_ format: LogFormat, _ value: [UInt8]) -> String {
        var clock = LogClock(), line = LogLine()
        line.begin(format, level: "info", message: "m", clock: &clock)
        line.field("v", value)
        let name = format == .json ? #""v":"# : " v="
        let text = String(decoding: line.bytes, as: UTF8.self)
        return String(text[(text.firstRange(of: name)?.upperBound ?? text.endIndex)...])
    }

    @Test(arguments: 0...26) func `text is escaped wherever in it a byte needs it`(length: Int) {
        for at in 0..<max(length, 1) {
            for byte in UInt8.min...UInt8.max {
                var value = (0..<length).map { UInt8(ascii: "a") + UInt8($0) }
                if length > 0 { value[at] = byte }
                #expect(Self.line(.json, value) == "\"\(Self.escaped(value))\"")
                let isBare = !value.isEmpty && value.allSatisfy { $0 > 32 && $0 < 127 && $0 != 34 && $0 != 61 }
                #expect(Self.line(.text, value) == (isBare ? String(decoding: value, as: UTF8.self) : "\"\(Self.escaped(value))\""))
            }
        }
    }

    @Test func `a line holds a text of any length`() {
        for length in [100, 1000, 1024, 5000, 70_000] {
            let value = [UInt8](repeating: 1, count: length)
            #expect(Self.line(.json, value) == "\"" + String(repeating: #"\u0001"#, count: length) + "\"")
        }
    }

    @Test(arguments: [0, 9, 10, 99, 100, 12_345, 999_999, 1_000_000, Int.max, -1, -10, Int.min])
    func `a number has all of its digits and no other`(number: Int) {
        var buffer = LineBuffer()
        buffer.append(decimal: number)
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == "\(number)")
    }
}
