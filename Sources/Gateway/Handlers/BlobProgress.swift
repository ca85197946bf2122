import HTTP

/// The bytes of a blob that the client has been promised. When the transfer breaks on the upstream's side, the rest of them is asked for
/// with another request, and the client sees one response.
struct BlobProgress {
    /// Offsets in the blob, up to `Int.max` where the response does not say where it ends; nil: no response has promised any, or what it promised
    /// cannot be asked for again.
    private var promised: Range<Int>?
    /// Bytes of the whole blob; nil: not known.
    private var size: Int?
    /// Bytes of the blob that the client has been sent, where the response's framing is not the upstream's; nil: it is, and what was sent is the blob.
    private var passed: Int?

    /// No response has promised any bytes.
    init() {}

    /// The whole of a blob has been promised.
    init(size: Int) { begin(0..<size, of: size) }

    /// Bytes of a blob have been promised, with their length.
    mutating func begin(_ range: Range<Int>, of size: Int) { (promised, self.size, passed) = (range, size, nil) }

    /// - Parameter head: of the response that goes to the client: 200, or 206 with one range. Any other response promises no bytes, and changes nothing.
    mutating func begin(_ head: Head) {
        guard [200, 206].contains(head.status) else { return }
        (promised, size, passed) = (nil, nil, nil)
        let length: Int?
        switch head.framing {
        case .length(let count): length = count
        // In a content coding the bytes may be others the next time.
        case .chunked, .untilClose:
            guard !head.isEncoded else { return }
            (length, passed) = (nil, 0)
        case .none: return
        }
        if head.status == 200 {
            (promised, size) = (0..<(length ?? .max), length)
        } else {
            guard let range = ContentRange(head.value(of: .contentRange)), length ?? range.offsets.count == range.offsets.count
            else {
                return
            }
            (promised, size) = (range.offsets, range.size)
        }
    }

    /// The response has another framing than the upstream's.
    var hasOwnFraming: Bool { passed != nil }

    /// Takes note of bytes of the blob that have been passed to the client.
    mutating func pass(_ count: Int) { if let passed { self.passed = passed + count } }

    /// Offsets of what is left to send, up to `Int.max` where its end is not known.
    /// - Parameter sent: bytes that the client has been sent; nil: its response has not started.
    /// - Returns: nil: nothing has been promised, so the request is to be sent as it came.
    func remaining(after sent: Int?) -> Range<Int>? {
        guard let sent = sent.map({ passed ?? $0 }), let promised else { return nil }
        return min(promised.lowerBound + sent, promised.upperBound)..<promised.upperBound
    }

    /// Whether a response holds what is left, and nothing else.
    func isContinued(by head: Head, after sent: Int?) -> Bool {
        guard head.status == 206, let remaining = remaining(after: sent), let range = ContentRange(head.value(of: .contentRange))
        else { return false }
        if case .length(let count) = head.framing, count != range.offsets.count { return false }
        guard size == nil || range.size == nil || range.size == size else { return false }
        guard remaining.upperBound == .max else { return range.offsets == remaining }
        return range.offsets.lowerBound == remaining.lowerBound && range.offsets.upperBound == range.size
    }

    /// A response that continues this one says where it ends.
    mutating func resume(_ head: Head) {
        guard let promised, promised.upperBound == .max, let range = ContentRange(head.value(of: .contentRange)) else { return }
        (self.promised, size) = (promised.lowerBound..<range.offsets.upperBound, range.size)
    }

    /// Whether a response says that nothing is left: only the end of the framing was lost.
    func isCompleted(by head: Head, after sent: Int?) -> Bool {
        guard head.status == 416, let remaining = remaining(after: sent), remaining.upperBound == .max, remaining.lowerBound > 0
        else {
            return false
        }
        return head.value(of: .contentRange).map { String(decoding: $0, as: UTF8.self) } == "bytes */\(remaining.lowerBound)"
    }
}
