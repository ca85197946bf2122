import Glibc

/// The bytes of a log line, in memory that the next line reuses: an access line costs no allocation and, field by field, one check for room.
struct LineBuffer: ~Copyable {
    private var start: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0

    /// Holds most access lines. A longer one makes the buffer grow.
    private static let initialCapacity = 1024

    init() {
        capacity = Self.initialCapacity
        start = .allocate(byteCount: capacity, alignment: 1)
    }

    deinit { start.deallocate() }

    /// Valid until the next change.
    var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: count)
    }

    mutating func removeAll() { count = 0 }

    // MARK: Room

    /// Room for `length` bytes after the last one, for writing through the pointer and then telling `advance`.
    @inline(__always)
    mutating func room(_ length: Int) -> UnsafeMutableRawPointer {
        if capacity - count < length { grow(by: length) }
        return start + count
    }

    /// - Parameter length: bytes that were written, at most as many as there was room for.
    @inline(__always)
    mutating func advance(_ length: Int) { count &+= length }

    @inline(never)
    private mutating func grow(by length: Int) {
        capacity = max(2 * capacity, count + length)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        larger.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = larger
    }

    // MARK: Bytes and numbers

    mutating func append(_ byte: UInt8) {
        room(1).storeBytes(of: byte, as: UInt8.self)
        advance(1)
    }

    mutating func append(_ literal: StaticString) {
        let length = literal.utf8CodeUnitCount
        Self.copy(literal.utf8Start, length, to: room(length))
        advance(length)
    }

    /// A name and what is around it.
    @inline(__always)
    mutating func append(_ before: StaticString, _ name: StaticString, _ after: StaticString) {
        let lengths = (before.utf8CodeUnitCount, name.utf8CodeUnitCount, after.utf8CodeUnitCount)
        let at = room(lengths.0 &+ lengths.1 &+ lengths.2)
        Self.copy(before.utf8Start, lengths.0, to: at)
        Self.copy(name.utf8Start, lengths.1, to: at + lengths.0)
        Self.copy(after.utf8Start, lengths.2, to: at + (lengths.0 &+ lengths.1))
        advance(lengths.0 &+ lengths.1 &+ lengths.2)
    }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        Self.copy(source, bytes.count, to: room(bytes.count))
        advance(bytes.count)
    }

    /// - Parameter width: a shorter number begins with zeros.
    mutating func append(decimal value: Int, width: Int = 1) {
        let magnitude = value.magnitude
        // 19 digits hold any magnitude.
        var digits = 1
        var limit: UInt = 10
        while magnitude >= limit, digits < 19 {
            digits &+= 1
            limit &*= 10
        }
        digits = max(digits, width)
        var at = room(digits + 1)
        if value < 0 {
            at.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
            at += 1
            advance(1)
        }
        Self.write(magnitude, digits: digits, to: at)
        advance(digits)
    }

    /// In 16 digits, in lower case.
    mutating func append(hexadecimal value: UInt64) {
        let at = room(16)
        at.storeBytes(of: Self.hexadecimal(value >> 32), as: UInt64.self)
        (at + 8).storeBytes(of: Self.hexadecimal(value & 0xffff_ffff), as: UInt64.self)
        advance(16)
    }

    /// The last `digits` decimal digits of a number.
    @inline(__always)
    static func write(_ value: UInt, digits: Int, to at: UnsafeMutableRawPointer) {
        var rest = value
        var index = digits
        while index > 0 {
            index &-= 1
            let tenth = rest / 10
            at.storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ (rest &- tenth &* 10)), toByteOffset: index, as: UInt8.self)
            rest = tenth
        }
    }

    /// The 8 digits of a number of 32 bits, the first one in the lowest address: all at once, a byte for each.
    private static func hexadecimal(_ value: UInt64) -> UInt64 {
        var digits = (value | value << 16) & 0x0000_ffff_0000_ffff
        digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff
        digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f
        let areLetters = ((digits &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (digits &+ 0x3030_3030_3030_3030 &+ areLetters &* 39).bigEndian
    }

    /// As `memcpy`, without the call for the lengths of names and words.
    @inline(__always)
    static func copy(_ source: UnsafeRawPointer, _ length: Int, to target: UnsafeMutableRawPointer) {
        if length > 16 {
            memcpy(target, source, length)
        } else if length >= 8 {
            // The two halves may overlap.
            let last = (source + (length &- 8)).loadUnaligned(as: UInt64.self)
            target.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
            target.storeBytes(of: last, toByteOffset: length &- 8, as: UInt64.self)
        } else if length >= 4 {
            let last = (source + (length &- 4)).loadUnaligned(as: UInt32.self)
            target.storeBytes(of: source.loadUnaligned(as: UInt32.self), as: UInt32.self)
            target.storeBytes(of: last, toByteOffset: length &- 4, as: UInt32.self)
        } else {
            for index in 0..<length {
                target.storeBytes(of: source.load(fromByteOffset: index, as: UInt8.self), toByteOffset: index, as: UInt8.self)
            }
        }
    }
}
