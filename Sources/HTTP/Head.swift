import Glibc

/// The head of a request or an answer: the bytes as they came, and where in them the fields lie. Reused from one exchange to
/// the next, so a small request allocates nothing. Nothing is copied or turned into a `String` unless asked for.
package final class Head {
    /// A field line. Offsets into `bytes`; heads are bounded far below 2³¹.
    package struct Field: Sendable {
        package let name: FieldName
        /// First byte of the line, end of the name, the value without surrounding blanks, and the first byte after CRLF.
        package let start: Int32, nameEnd: Int32, valueStart: Int32, valueEnd: Int32, end: Int32

        package var nameRange: Range<Int> { Int(start)..<Int(nameEnd) }
        package var valueRange: Range<Int> { Int(valueStart)..<Int(valueEnd) }
        package var lineRange: Range<Int> { Int(start)..<Int(end) }
    }

    /// The head from its first byte to the empty line, and nothing behind it.
    package internal(set) var bytes: [UInt8] = []
    package internal(set) var fields: [Field] = []
    /// HTTP/1.0 otherwise.
    package internal(set) var isVersion11 = true
    package internal(set) var framing = BodyFraming.none
    /// RFC 9112 9.3: whether the sender means to go on using the connection.
    package internal(set) var keepsAlive = true

    // Of a request.
    package internal(set) var method = Method.get
    /// In origin form, whatever form it came in (RFC 9112 3.2.1).
    var targetRange = 0..<0
    /// Of a target in absolute form; empty: it came in another.
    var authorityRange = 0..<0
    package internal(set) var expectsContinue = false

    // Of an answer.
    package internal(set) var status = 0

    package init() { fields.reserveCapacity(24) }

    package var target: ArraySlice<UInt8> { bytes[targetRange] }

    /// The one value of a field that may come once; nil when it is absent. The first when it came more than once.
    package func value(of name: FieldName) -> ArraySlice<UInt8>? {
        for field in fields where field.name == name { return bytes[field.valueRange] }
        return nil
    }

    /// The body is in a content coding (RFC 9110 8.4): its bytes are not those that a digest or a length is of.
    package var isEncoded: Bool {
        fields.contains { field in
            field.name == .contentEncoding && !field.valueRange.isEmpty
                && !bytes.withUnsafeBytes { equalIgnoringCase(UnsafeRawBufferPointer(rebasing: $0[field.valueRange]), "identity") }
        }
    }

    package func count(of name: FieldName) -> Int { fields.reduce(0) { $0 + ($1.name == name ? 1 : 0) } }

    /// A field by any name, for the control plane and tests: values joined with a comma (RFC 9110 5.3).
    package func string(_ name: String) -> String? {
        let wanted = Array(name.lowercased().utf8)
        let values = fields.filter { field in
            field.nameRange.count == wanted.count
                && zip(bytes[field.nameRange], wanted).allSatisfy { ($0 &- 65 < 26 ? $0 | 0x20 : $0) == $1 }
        }
        return values.isEmpty ? nil : values.map { String(decoding: bytes[$0.valueRange], as: UTF8.self) }.joined(separator: ", ")
    }

    /// Whether a field of the connection's own `Connection` lists says that `field` is for this hop only (RFC 9110 7.6.1).
    package func isNominatedHopByHop(_ field: Field) -> Bool {
        guard connectionListsNames else { return false }
        return bytes.withUnsafeBytes { all in
            let name = UnsafeRawBufferPointer(rebasing: all[field.nameRange])
            return fields.contains { other in
                other.name == .connection
                    && forEachListed(all, other.valueRange) { token in
                        token.count == name.count && zip(token, name).allSatisfy { lower($0) == lower($1) }
                    }
            }
        }
    }
    /// The `Connection` field holds something else than `close` and `keep-alive`, which is rare.
    var connectionListsNames = false

    package func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        (isVersion11, framing, keepsAlive, connectionListsNames) = (true, .none, true, false)
        (method, targetRange, authorityRange, expectsContinue, status) = (.get, 0..<0, 0..<0, false, 0)
    }
}

/// How the end of a body is known (RFC 9112 6.3).
package enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// An answer's only: the body ends with the connection.
    case untilClose
}

func lower(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

/// Calls `body` with each member of a comma-separated list (RFC 9110 5.6.1) until it says true.
func forEachListed(_ all: UnsafeRawBufferPointer, _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    var start = range.lowerBound
    while start < range.upperBound {
        var end = start
        while end < range.upperBound, all[end] != UInt8(ascii: ",") { end += 1 }
        let member = trimmed(all, start..<end)
        if !member.isEmpty, body(UnsafeRawBufferPointer(rebasing: all[member])) { return true }
        start = end + 1
    }
    return false
}

/// Without optional white space on either side (RFC 9110 5.6.3).
func trimmed(_ all: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, all[start] == 32 || all[start] == 9 { start += 1 }
    while end > start, all[end - 1] == 32 || all[end - 1] == 9 { end -= 1 }
    return start..<end
}
