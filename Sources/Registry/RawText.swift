import Glibc

/// Text in the memory that it came in, as parsers read it. Valid for as long as that memory.
///
/// Not a `Slice` of a buffer: each of its steps costs several of these.
struct RawText {
    let start: UnsafeRawPointer
    let count: Int

    private init(_ start: UnsafeRawPointer, _ count: Int) { (self.start, self.count) = (start, count) }

    /// - Parameter none: where nothing is, if there are no bytes.
    @inline(__always)
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.init(bytes.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(Self.nothing.utf8Start), bytes.count)
    }

    private static let nothing: StaticString = ""

    var isEmpty: Bool { count == 0 }

    var copied: [UInt8] { Array(UnsafeRawBufferPointer(start: start, count: count)) }

    @inline(__always)
    subscript(at: Int) -> UInt8 {
        assert(at >= 0 && at < count)
        return start.load(fromByteOffset: at, as: UInt8.self)
    }

    /// Where the text is a part of another, so is this.
    @inline(__always)
    subscript(range: Range<Int>) -> RawText {
        assert(range.lowerBound >= 0 && range.upperBound <= count)
        return RawText(start + range.lowerBound, range.upperBound &- range.lowerBound)
    }

    @inline(__always)
    func dropFirst(_ length: Int) -> RawText { self[length..<count] }

    @inline(__always)
    func prefix(_ length: Int) -> RawText { self[0..<length] }

    /// The first of these bytes.
    @inline(__always)
    func position(of byte: UInt8) -> Int? {
        guard let found = memchr(start, Int32(byte), count) else { return nil }
        return start.distance(to: UnsafeRawPointer(found))
    }

    /// The last of these bytes. Looks at eight at once: a digest is long.
    func lastPosition(of byte: UInt8) -> Int? {
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        var end = count
        while end >= 8 {
            let word = UInt64(littleEndian: (start + (end &- 8)).loadUnaligned(as: UInt64.self)) ^ pattern
            // The high bit of each byte tells whether it differs. Additions carry nothing into the next byte, since its high bit is clear.
            let differs = ((word & 0x7f7f_7f7f_7f7f_7f7f) &+ 0x7f7f_7f7f_7f7f_7f7f) | word
            let equal = ~differs & 0x8080_8080_8080_8080
            if equal != 0 { return end &- 1 &- equal.leadingZeroBitCount / 8 }
            end &-= 8
        }
        while end > 0 {
            end &-= 1
            if self[end] == byte { return end }
        }
        return nil
    }

    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    @inline(__always)
    func starts(with text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Whether `check` is true of every eight bytes. The last eight come again with some that came before; those of a shorter text are filled up
    /// with `filler` in each byte.
    @inline(__always)
    func allWords(filler: UInt64, _ check: (UInt64) -> Bool) -> Bool {
        guard count >= 8 else {
            var word = filler
            for at in 0..<count { word = word << 8 | UInt64(self[at]) }
            return check(word)
        }
        var at = 0
        while at &+ 8 <= count {
            guard check((start + at).loadUnaligned(as: UInt64.self)) else { return false }
            at &+= 8
        }
        return check((start + (count &- 8)).loadUnaligned(as: UInt64.self))
    }
}
