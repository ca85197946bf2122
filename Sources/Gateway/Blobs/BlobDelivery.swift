import HTTP

/// The bytes of a blob that the client has been promised and has not got yet. What breaks on the upstream's side goes on from there,
/// with another request, and the client sees one answer.
final class BlobDelivery {
    /// Offsets in the blob; nil until an answer has promised them, and where what it promised cannot be asked for again.
    private(set) var owed: Range<Int>?
    private var size: Int?
    /// Breaks in a row, without progress between them.
    private var breaks = 0
    private var sinceBreak = 0

    /// Bytes that are progress. Fewer between two breaks would make thousands of requests of one.
    private static let progress = 1 << 20
    /// In a row; past it the upstream is out of order and the client's own retry is the better one.
    private static let maxBreaks = 4

    /// - Parameter head: of the answer that goes to the client: 200, or 206 with one range. Without a length nothing can be resumed.
    func promise(by head: Head) {
        guard owed == nil, case .length(let count) = head.framing else { return }
        switch head.status {
        case 200: (owed, size) = (0..<count, count)
        case 206:
            guard let range = ContentRange(head.value(of: .contentRange)), range.offsets.count == count else { return }
            (owed, size) = (range.offsets, range.size)
        default: return
        }
    }

    func deliver(_ count: Int) {
        guard let range = owed else { return }
        owed = min(range.lowerBound + count, range.upperBound)..<range.upperBound
        sinceBreak += count
        if sinceBreak >= Self.progress { breaks = 0 }
    }

    /// The upstream's side broke: how long to wait before what is owed is asked for again. nil: it is not worth asking, or cannot be.
    /// - Parameter hasAnswered: the client has the answer's head; before that the whole request can be sent again.
    func pauseBeforeResuming(hasAnswered: Bool) -> Duration? {
        guard owed.map({ !$0.isEmpty }) ?? !hasAnswered, breaks < Self.maxBreaks else { return nil }
        defer { (breaks, sinceBreak) = (breaks + 1, 0) }
        return breaks == 0 ? .zero : .milliseconds(100 << breaks)
    }

    /// Whether an answer is of the bytes that are owed, and of no others.
    func isResumed(by head: Head) -> Bool {
        guard head.status == 206, let owed, case .length(owed.count) = head.framing,
            let range = ContentRange(head.value(of: .contentRange))
        else { return false }
        return range.offsets == owed && (size == nil || range.size == nil || range.size == size)
    }
}

/// `bytes 0-99/1234` (RFC 9110 14.4).
struct ContentRange: Equatable {
    let offsets: Range<Int>
    /// Of the whole; nil: `*`.
    let size: Int?

    /// nil: of no range, or not of bytes.
    init?(_ field: ArraySlice<UInt8>?) {
        guard let field, case let text = String(decoding: field, as: UTF8.self),
            let found = text.wholeMatch(of: /bytes ([0-9]{1,18})-([0-9]{1,18})\/([0-9]{1,18}|\*)/),
            let first = Int(found.1), let last = Int(found.2), first <= last
        else { return nil }
        offsets = first..<(last + 1)
        size = Int(found.3)
    }
}
