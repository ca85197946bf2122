/// `Content-Range: 0-1023` of a chunk: without a unit, unlike a response's (distribution spec, "Pushing a blob in chunks"). Docker's
/// older form `bytes 0-1023/4096` is read too.
struct ChunkRange: Equatable {
    let offsets: Range<Int>

    /// nil: the field is not of this form, or its last byte is before its first.
    init?(_ field: ArraySlice<UInt8>) {
        let bounds = String(decoding: field, as: UTF8.self).wholeMatch(
            of: /(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:\/[0-9*]+)?/)
        guard let bounds, let first = Int(bounds.1), let last = Int(bounds.2), first <= last else { return nil }
        offsets = first..<(last + 1)
    }
}
