import HTTP

/// `Content-Range: bytes 0-99/1234` of a response (RFC 9110 14.4).
struct ContentRange: Equatable {
    let offsets: Range<Int>
    /// Bytes of the whole; nil: `*`.
    let size: Int?

    /// nil: the field is missing, has no range, or has another unit than bytes.
    init?(_ field: ArraySlice<UInt8>?) {
        guard let field, case let text = String(decoding: field, as: UTF8.self),
            let found = text.wholeMatch(of: /bytes ([0-9]{1,18})-([0-9]{1,18})\/([0-9]{1,18}|\*)/),
            let first = Int(found.1), let last = Int(found.2), first <= last
        else { return nil }
        offsets = first..<(last + 1)
        size = Int(found.3)
    }

    /// The size of a blob, from a response to GET of its first byte: `bytes 0-0/1234`; `bytes */0` with 416, for an empty blob. A whole body
    /// comes from servers that know no ranges.
    /// - Returns: nil: the response does not tell.
    static func blobSize(_ head: Head) -> Int? {
        // In a content coding the length is not the blob's.
        guard !head.isEncoded else { return nil }
        let total = head.value(of: .contentRange).flatMap { field in
            field.lastIndex(of: UInt8(ascii: "/")).flatMap { Int(String(decoding: field[($0 + 1)...], as: UTF8.self)) }
        }.flatMap { $0 >= 0 ? $0 : nil }
        switch (head.status, head.framing) {
        case (206, _): return total
        case (416, _): return total == 0 ? 0 : nil
        case (200, .length(let whole)): return whole
        case (200, .none): return 0
        default: return nil
        }
    }
}
