import TestSupport
import Testing

@testable import HTTP

struct ByteTrieTests {
    private static func lookUp(_ trie: ByteTrie, _ text: [UInt8]) -> (path: [Int32], longest: Int32, equal: Int32) {
        text.withUnsafeBufferPointer { text in
            var walk = ByteTrie.Walk(), path: [Int32] = []
            while case let number = trie.next(&walk, in: text), number >= 0 { path.append(number) }
            return (path, trie.longest(in: text), trie.number(of: text))
        }
    }

    @Test func `nothing is found where there are no strings`() {
        for text in [[], [1]] as [[UInt8]] {
            let found = Self.lookUp(ByteTrie([]), text)
            #expect(found.path.isEmpty && found.longest == -1 && found.equal == -1)
        }
    }

    @Test(arguments: [false, true])
    func `a look-up finds what a scan finds, for random strings of all bytes`(isBackwards: Bool) {
        var random = Seeded(7)
        for round in 0..<400 {
            let alphabet: [UInt8] = round.isMultiple(of: 2) ? [0, 47, 64, 97, 255] : [97, 98]
            func text(_ count: ClosedRange<Int>) -> [UInt8] {
                (0..<Int.random(in: count, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            }
            let strings = (0..<Int.random(in: 1...60, using: &random)).map { (bytes: text(0...9), number: $0) }
            let trie = ByteTrie(strings, isBackwards: isBackwards)
            for _ in 0..<50 {
                let text = text(0...12)
                func begins(_ string: [UInt8]) -> Bool {
                    isBackwards ? text.reversed().starts(with: string.reversed()) : text.starts(with: string)
                }
                var expected: [Int32] = []
                for length in 0...text.count {
                    if let first = strings.first(where: { $0.bytes.count == length && begins($0.bytes) }) {
                        expected.append(Int32(first.number))
                    }
                }
                let found = Self.lookUp(trie, text)
                #expect(found.path == expected && found.longest == expected.last ?? -1)
                #expect(found.equal == strings.first { $0.bytes == text }.map { Int32($0.number) } ?? -1)
            }
        }
    }

    @Test func `strings that begin with each other may be as long as they like`() {
        let strings = (0..<3_000).map { (bytes: [UInt8](repeating: 97, count: $0), number: $0) }
        #expect(Self.lookUp(ByteTrie(strings), [UInt8](repeating: 97, count: 5_000)).longest == 2_999)
    }
}
