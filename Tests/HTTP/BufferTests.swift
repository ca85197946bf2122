import TestSupport
import Testing

@testable import HTTP

struct BufferTests {
    @Test func `an input buffer gives what was appended, in order, however it is read`() {
        var buffer = InputBuffer()
        var expected: [UInt8] = []
        var random = Seeded(13)
        for step in 0..<20_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: Int.random(in: 0...900, using: &random))
                buffer.append(bytes)
                expected += bytes
            case 2:
                let count = Int.random(in: 0...expected.count, using: &random), restored = Int.random(in: 0...count, using: &random)
                buffer.removeFirst(count)
                buffer.restore(restored)
                expected.removeFirst(count - restored)
            default: buffer.trim(keeping: Int.random(in: 0...4096, using: &random))
            }
            guard buffer.count == expected.count, buffer.isEmpty == expected.isEmpty, buffer.bytes.elementsEqual(expected) else {
                Issue.record("step \(step)")
                return
            }
        }
    }

    @Test func `an output buffer grows with what is appended, and begins anew`() {
        let output = OutputBuffer()
        for size in [0, 1, 40_000, 200_000, 7] {
            output.removeAll()
            output.append("n: ")
            output.append(decimal: -size)
            output.append(UInt8(ascii: "|"))
            output.append([UInt8](repeating: 120, count: size))
            output.append(hexadecimal: 0xab)
            let sign = "-"
            let text = "n: \(size == 0 ? "" : sign)\(size)|" + String(repeating: "x", count: size) + "00000000000000ab"
            let isEqual = String(decoding: output.bytes, as: UTF8.self) == text  // outside #expect: the text is long
            #expect(isEqual)
        }
    }
}
