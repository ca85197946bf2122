import HTTP

/// The media types that a request takes: the items of `Accept` (RFC 9110 12.5.1), as bytes, since each hit is compared with them.
struct Accepted {
    private let head: Head

    init(_ head: Head) { self.head = head }

    /// - Parameter type: as in `Content-Type`; nil: that of a blob, which nobody takes for a manifest.
    func takes(_ type: String?) -> Bool {
        guard let type else { return false }
        let fields = head.fields.lazy.filter { head.isNamed($0, anyOf: FieldNames.accept) }
        guard !fields.isEmpty else { return true }
        let bytes = Array(type.utf8), essence = bytes[..<(bytes.firstIndex(of: UInt8(ascii: ";")) ?? bytes.count)]
        return fields.contains { field in
            head.bytes[field.valueRange].split(separator: UInt8(ascii: ",")).contains { Self.takes($0, essence) }
        }
    }

    private static func takes(_ item: ArraySlice<UInt8>, _ essence: ArraySlice<UInt8>) -> Bool {
        let parts = item.split(separator: UInt8(ascii: ";"))
        guard let range = parts.first.map(trimmed), isEqual(range, essence) || isWildcard(range, for: essence) else { return false }
        // A weight of zero: not this one.
        return !parts.dropFirst().contains { part in
            let part = trimmed(part)
            return part.starts(with: "q=0".utf8)
                && part.dropFirst(3).allSatisfy { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "0") }
        }
    }

    /// `*/*` or `application/*`.
    private static func isWildcard(_ range: ArraySlice<UInt8>, for essence: ArraySlice<UInt8>) -> Bool {
        guard range.last == UInt8(ascii: "*") else { return false }
        let group = range.dropLast()
        return group.elementsEqual("*/".utf8) || group.last == UInt8(ascii: "/") && isEqual(group, essence.prefix(group.count))
    }

    private static func isEqual(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while rest.first == UInt8(ascii: " ") || rest.first == UInt8(ascii: "\t") { rest.removeFirst() }
        while rest.last == UInt8(ascii: " ") || rest.last == UInt8(ascii: "\t") { rest.removeLast() }
        return rest
    }
}
