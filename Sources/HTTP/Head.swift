import Glibc

/// The head of a request or a response: the bytes as they came, and where in them the fields lie. Reused from one exchange to the next, so a
/// small request allocates nothing. Nothing is copied or turned into a `String` unless asked for.
package final class Head {
    /// Which start line a head begins with.
    package enum Kind: Sendable {
        case request
        /// `toHead`: to a HEAD request, whose response has no body whatever its fields say (RFC 9112 6.3).
        case response(toHead: Bool)
    }

    /// A field line. Offsets into `bytes`; heads are bounded far below 2³¹.
    package struct Field: Sendable {
        /// `other` unless some code decides by the field.
        package let name: FieldName
        /// First byte of the line, end of the name, the value without surrounding blanks, and the first byte after CRLF.
        package let start: Int32, nameEnd: Int32, valueStart: Int32, valueEnd: Int32, end: Int32

        /// Without the colon.
        package var nameRange: Range<Int> { Int(start)..<Int(nameEnd) }
        /// Without surrounding blanks.
        package var valueRange: Range<Int> { Int(valueStart)..<Int(valueEnd) }
        /// With its CRLF.
        package var lineRange: Range<Int> { Int(start)..<Int(end) }
    }

    /// The head from its first byte to the empty line, and nothing after it.
    package internal(set) var bytes: [UInt8] = []
    /// Room for the field lines, outside of an array: it would count its references at each look.
    private var room = UnsafeMutableBufferPointer<Field>.allocate(capacity: 24)
    private var fieldCount = 0
    /// The names of the fields that are there, one bit each.
    private var names: UInt64 = 0
    /// The field lines in the order received. Valid until the head is filled again.
    package var fields: UnsafeBufferPointer<Field> { UnsafeBufferPointer(rebasing: room[..<fieldCount]) }
    /// HTTP/1.1; HTTP/1.0 otherwise.
    package internal(set) var isVersion11 = true
    /// How the end of the body that follows is known.
    package internal(set) var framing = BodyFraming.none
    /// The sender means to go on using the connection (RFC 9112 9.3).
    package internal(set) var keepsAlive = true
    /// The `Connection` field holds something other than `close` and `keep-alive`, which is rare.
    var connectionListsNames = false

    // Of a request.
    /// `other` for a token that is not a method of a registry.
    package internal(set) var method = Method.get
    /// In origin form, whatever form the target came in (RFC 9112 3.2.1).
    var targetRange = 0..<0
    /// Of a target in absolute form; empty: the target came in another form.
    var authorityRange = 0..<0
    /// `Expect: 100-continue`, from an HTTP/1.1 client.
    package internal(set) var expectsContinue = false

    // Of a response.
    /// 100...599; 0 before a head has been parsed.
    package internal(set) var status = 0

    /// An empty head, for `HeadReader.take` to fill.
    package init() {}

    deinit { room.deallocate() }

    /// Adds a field line.
    func append(_ field: Field) {
        if fieldCount == room.count { makeRoom() }
        room.initializeElement(at: fieldCount, to: field)
        fieldCount &+= 1
        names |= 1 &<< UInt64(field.name.rawValue)
    }

    private func makeRoom() {
        let larger = UnsafeMutableBufferPointer<Field>.allocate(capacity: 2 * fieldCount)
        _ = larger.initialize(fromContentsOf: room)
        room.deallocate()
        room = larger
    }

    /// Empties the head and keeps its capacity.
    package func removeAll() {
        if !bytes.isEmpty { bytes.removeAll(keepingCapacity: true) }
        (fieldCount, names) = (0, 0)
        (isVersion11, framing, keepsAlive, connectionListsNames) = (true, .none, true, false)
        (method, targetRange, authorityRange, expectsContinue, status) = (.get, 0..<0, 0..<0, false, 0)
    }

    /// The same head, for when this one is filled again.
    package func copy() -> Head {
        let copy = Head()
        copy.bytes = bytes
        for field in fields { copy.append(field) }
        (copy.isVersion11, copy.framing, copy.keepsAlive, copy.connectionListsNames) = (
            isVersion11, framing, keepsAlive, connectionListsNames
        )
        (copy.method, copy.targetRange, copy.authorityRange) = (method, targetRange, authorityRange)
        (copy.expectsContinue, copy.status) = (expectsContinue, status)
        return copy
    }

    /// Path and query in origin form, percent-encoded as sent.
    package var target: ArraySlice<UInt8> { bytes[targetRange] }

    /// The value of a field that may come once; the first when it came more than once. nil: absent.
    package func value(of name: FieldName) -> ArraySlice<UInt8>? {
        guard has(name) else { return nil }
        for field in fields where field.name == name { return bytes[field.valueRange] }
        return nil
    }

    /// Whether a field is there.
    package func has(_ name: FieldName) -> Bool { names & 1 &<< UInt64(name.rawValue) != 0 }

    /// The body is in a content coding (RFC 9110 8.4): digests and lengths of the content do not apply to its bytes.
    package var isEncoded: Bool {
        has(.contentEncoding)
            && fields.contains { field in
                field.name == .contentEncoding && !field.valueRange.isEmpty
                    && !bytes.withUnsafeBytes {
                        equalIgnoringCase(UnsafeRawBufferPointer(rebasing: $0[field.valueRange]), "identity")
                    }
            }
    }

    /// Whether the value of a field that may come once is this one; nil: whether it is absent.
    package func isValue(of name: FieldName, _ expected: ArraySlice<UInt8>?) -> Bool {
        guard let expected, let value = value(of: name) else { return expected == nil && !has(name) }
        // `==` compares byte by byte.
        return value.count == expected.count
            && value.withUnsafeBytes { value in
                expected.withUnsafeBytes { expected in
                    guard let value = value.baseAddress, let other = expected.baseAddress else { return true }
                    return memcmp(value, other, expected.count) == 0
                }
            }
    }

    /// How many field lines have this name.
    package func count(of name: FieldName) -> Int {
        has(name) ? fields.reduce(0) { $0 + ($1.name == name ? 1 : 0) } : 0
    }

    /// A field by any name, in any case: its values joined with a comma (RFC 9110 5.3). nil: absent. Slow: not for the data path.
    package func string(_ name: String) -> String? {
        let wanted = Array(name.lowercased().utf8)
        let values = fields.filter { field in
            field.nameRange.count == wanted.count && zip(bytes[field.nameRange], wanted).allSatisfy { lower($0) == $1 }
        }
        return values.isEmpty ? nil : values.map { String(decoding: bytes[$0.valueRange], as: UTF8.self) }.joined(separator: ", ")
    }

    /// Appends the field lines that `include` selects, byte for byte: neighbours in one piece. Leaves out hop-by-hop fields and those that a
    /// `Connection` field names (RFC 9110 7.6.1).
    package func appendFields(to output: OutputBuffer, where include: (Field) -> Bool) {
        bytes.withUnsafeBytes { all in
            var run = 0..<0
            for field in fields where !field.name.isHopByHop && include(field) && !isNominatedHopByHop(field) {
                let line = field.lineRange
                if line.lowerBound == run.upperBound {
                    run = run.lowerBound..<line.upperBound
                } else {
                    output.append(UnsafeRawBufferPointer(rebasing: all[run]))
                    run = line
                }
            }
            output.append(UnsafeRawBufferPointer(rebasing: all[run]))
        }
    }

    /// A `Connection` field names `field` as meant for this hop only (RFC 9110 7.6.1).
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
}

/// How the end of a body is known (RFC 9112 6.3).
package enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// A response's only: the body ends with the connection.
    case untilClose
}

/// ASCII only.
func lower(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

/// Calls `body` with each member of a comma-separated list (RFC 9110 5.6.1) until it returns true.
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
