// Scans over the bytes of a head, eight at a time.

/// The name of the field line that begins at `start`, and the offset of its colon; nil: there is no such line. Rejects a blank before the colon, a
/// folded line, and a line without a name (RFC 9112 5.1, 5.2).
func fieldName(_ all: UnsafeRawBufferPointer, from start: Int) -> (FieldName, end: Int)? {
    let near = nearColon(all, from: start)
    if let near {
        // Names that are known are most of a head, and a comparison tells that they are names.
        let name = FieldName(UnsafeRawBufferPointer(rebasing: all[start..<near]))
        if name != .other { return (name, near) }
    }
    var end = start
    while end < all.count, isTokenCharacter(all[end]) { end += 1 }
    guard end > start, end < all.count, all[end] == UInt8(ascii: ":") else { return nil }
    return (near == nil ? FieldName(UnsafeRawBufferPointer(rebasing: all[start..<end])) : .other, end)
}

private let ones: UInt64 = 0x0101_0101_0101_0101, highs = ones << 7

/// The high bit of the first byte that is 0, if there is one; perhaps also of bytes after it.
@inline(__always)
private func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

/// The offset of the first colon, within the length of the names that are known.
private func nearColon(_ all: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var at = start
    while at < start + FieldName.maxLength, at + 8 <= all.count {
        let word = UInt64(littleEndian: all.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        let found = zeros(word ^ ones &* UInt64(UInt8(ascii: ":")))
        if found != 0 { return at + found.trailingZeroBitCount / 8 }
        at += 8
    }
    return nil
}

/// The offset of the first control character other than a tab (RFC 9110 5.5); the end, if there is none.
func firstControl(_ all: UnsafeRawBufferPointer, from start: Int) -> Int {
    first(
        all, from: start, candidates: { ($0 &- ones &* 32) & ~$0 & highs | zeros($0 ^ ones &* 127) },
        { $0 < 32 && $0 != 9 || $0 == 127 })
}

/// The offset of the first byte that is not a visible character of ASCII; the end, if there is none.
func firstInvisible(_ all: UnsafeRawBufferPointer, from start: Int) -> Int {
    first(
        all, from: start, candidates: { (($0 &- ones &* 33) & ~$0 | $0) & highs | zeros($0 ^ ones &* 127) }, { $0 < 33 || $0 > 126 }
    )
}

/// The offset of the first byte that is sought; the end, if there is none. Eight bytes at a time: values are most of a head.
/// - Parameter candidates: the high bit of the first byte that may be sought, if there is one; perhaps also of bytes after it.
@inline(__always)
private func first(
    _ all: UnsafeRawBufferPointer, from start: Int, candidates: (UInt64) -> UInt64, _ isSought: (UInt8) -> Bool
) -> Int {
    var at = start
    while at + 8 <= all.count {
        let found = candidates(UInt64(littleEndian: all.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
        if found == 0 {
            at += 8
        } else {
            at += found.trailingZeroBitCount / 8
            if isSought(all[at]) { return at }
            at += 1
        }
    }
    while at < all.count, !isSought(all[at]) { at += 1 }
    return at
}

/// RFC 9110 5.6.2: letters, digits, and some of the other visible characters.
func isTokenCharacter(_ byte: UInt8) -> Bool {
    // One bit for each of the first 128 bytes; a table would have to be looked for in memory.
    byte < 128 && (byte < 64 ? 0x03ff_6cfa_0000_0000 : 0x57ff_ffff_c7ff_fffe as UInt64) >> (byte & 63) & 1 == 1
}
