import HTTP

/// How far an upload has come. ECR does not tell: its `Range` may stay at the first chunk's, and a session's status cannot be asked for
/// (ECR 1.5). Berth keeps no state that another replica lacks, so the client carries it: in the query of the `Location` that it was
/// given, beside what the upstream keeps there.
struct UploadState: Equatable {
    /// Bytes that the upstream has taken.
    let offset: Int
    /// The last part is below ECR's minimum: only the end of the upload may follow it.
    let endsShort: Bool

    static let parameter: StaticString = "_berth"
    static let start = UploadState(offset: 0, endsShort: false)

    /// Bytes. ECR takes a smaller part only as the last one, and reports it only after all has been sent (ECR 1.5).
    static let minPart = 5 << 20
    /// Bytes. ECR resets the connection of a larger chunk with a `Content-Range`; without the field it takes any size (ECR 1.5).
    static let maxRangedChunk = 10 << 20

    init(offset: Int, endsShort: Bool) { (self.offset, self.endsShort) = (offset, endsShort) }

    /// - Parameter parameter: the query parameter's value. nil: there is none, or Berth did not write it.
    init?(_ parameter: [UInt8]?) {
        guard var text = parameter?[...] else { return nil }
        endsShort = text.last == UInt8(ascii: "s")
        if endsShort { text.removeLast() }
        guard (1...18).contains(text.count), text.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        offset = text.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    /// After a part of `count` bytes.
    func adding(_ count: Int) -> UploadState {
        count == 0 ? self : UploadState(offset: offset + count, endsShort: count < Self.minPart)
    }

    /// A session's location with this state in its query.
    func location(_ location: [UInt8]) -> [UInt8] {
        let mark = location.contains(UInt8(ascii: "?")) ? "&" : "?"
        return location + Array("\(mark)\(Self.parameter)=\(offset)\(endsShort ? "s" : "")".utf8)
    }

    /// `0-1023`: the bytes that have been taken (distribution spec, "Pushing a blob in chunks"). There is no range of no bytes; clients
    /// accept `0-0`.
    var range: [UInt8] { Array("0-\(max(offset - 1, 0))".utf8) }
}
