import HTTP

/// The bytes of a blob that the client has been promised. When the transfer breaks on the upstream's side, the rest of them is asked for
/// with another request, and the client sees one response.
struct BlobProgress {
    /// Offsets in the blob; nil: no response has promised any, or what it promised cannot be asked for again.
    private var promised: Range<Int>?
    /// Bytes of the whole blob; nil: not known.
    private var size: Int?

    /// - Parameter head: of the response that goes to the client: 200, or 206 with one range. Without a length nothing can be resumed. Any other
    ///   response promises no bytes, and changes nothing.
    mutating func begin(_ head: Head) {
        guard [200, 206].contains(head.status) else { return }
        (promised, size) = (nil, nil)
        guard case .length(let count) = head.framing else { return }
        switch head.status {
        case 200: (promised, size) = (0..<count, count)
        case 206:
            guard let range = ContentRange(head.value(of: .contentRange)), range.offsets.count == count else { return }
            (promised, size) = (range.offsets, range.size)
        default: return
        }
    }

    /// Offsets of what is left to send.
    /// - Parameter sent: bytes that the client has been sent; nil: its response has not started.
    /// - Returns: nil: nothing has been promised, so the request is to be sent as it came.
    func remaining(after sent: Int?) -> Range<Int>? {
        guard let sent, let promised else { return nil }
        return min(promised.lowerBound + sent, promised.upperBound)..<promised.upperBound
    }

    /// Whether a response holds what is left, and nothing else.
    func isContinued(by head: Head, after sent: Int?) -> Bool {
        guard head.status == 206, let remaining = remaining(after: sent), case .length(remaining.count) = head.framing,
            let range = ContentRange(head.value(of: .contentRange))
        else { return false }
        return range.offsets == remaining && (size == nil || range.size == nil || range.size == size)
    }
}
