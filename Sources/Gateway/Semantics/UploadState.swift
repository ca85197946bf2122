import HTTP
import Registry

/// How far an upload has come. ECR does not tell (its `Range` may stay at the first chunk's, and a session's status cannot be asked for:
/// ECR 1.5), and Berth keeps nothing that a replica lacks (design section 10), so the client carries it: in the query of the `Location`
/// that it was given, beside what the upstream keeps there.
struct UploadState: Equatable {
    /// Bytes that the upstream has taken.
    let offset: Int
    /// The last part is below ECR's minimum: nothing but the end may follow it.
    let endsShort: Bool

    static let parameter: StaticString = "_berth"
    static let start = UploadState(offset: 0, endsShort: false)

    /// ECR takes a smaller part only as the last one, and says so when all has been sent (ECR 1.5).
    static let partMinimum = 5 << 20
    /// A larger chunk with a `Content-Range` has its connection reset; without one, any size is taken (ECR 1.5).
    static let maxRangedChunk = 10 << 20

    init(offset: Int, endsShort: Bool) { (self.offset, self.endsShort) = (offset, endsShort) }

    /// nil: there is none, or none of ours.
    init?(_ parameter: [UInt8]?) {
        guard var text = parameter?[...] else { return nil }
        endsShort = text.last == UInt8(ascii: "s")
        if endsShort { text.removeLast() }
        guard (1...18).contains(text.count), text.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        offset = text.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    /// After a part of so many bytes.
    func adding(_ count: Int) -> UploadState {
        count == 0 ? self : UploadState(offset: offset + count, endsShort: count < Self.partMinimum)
    }

    /// The location with this in its query.
    func location(_ location: [UInt8]) -> [UInt8] {
        let mark = location.contains(UInt8(ascii: "?")) ? "&" : "?"
        return location + Array("\(mark)\(Self.parameter)=\(offset)\(endsShort ? "s" : "")".utf8)
    }

    /// `0-1023`: the bytes that have been taken (distribution spec, "Pushing a blob in chunks"). Of none there is no range; clients
    /// take `0-0`.
    var range: [UInt8] { Array("0-\(max(offset - 1, 0))".utf8) }
}

/// `Content-Range: 0-1023` of a chunk: without a unit, unlike that of an answer (distribution spec, "Pushing a blob in chunks").
struct ChunkRange {
    let offsets: Range<Int>

    init?(_ field: ArraySlice<UInt8>) {
        let bounds = String(decoding: field, as: UTF8.self).wholeMatch(
            of: /(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:\/[0-9*]+)?/)
        guard let bounds, let first = Int(bounds.1), let last = Int(bounds.2), first <= last else { return nil }
        offsets = first..<(last + 1)
    }
}
