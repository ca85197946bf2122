import HTTP

/// Names of fields that `FieldName` does not know and something here decides by. In lower case.
enum FieldNames {
    static let accept: [StaticString] = ["accept"], userAgent: [StaticString] = ["user-agent"]
    /// RFC 9110 13.1.
    static let conditions: [StaticString] = ["if-match", "if-none-match", "if-range", "if-modified-since", "if-unmodified-since"]
    /// What describes the bytes of a response, besides the fields that `FieldName` knows.
    static let representation: [StaticString] = ["accept-ranges", "etag", "last-modified", "cache-control", "expires", "age"]
}

extension Head {
    /// Whether a field has one of these names, whatever the case of its letters.
    /// - Parameter names: in lower case.
    func isNamed(_ field: Field, anyOf names: [StaticString]) -> Bool {
        let name = bytes[field.nameRange]
        return names.contains { expected in
            // `-` is its own lower case under `| 0x20`.
            expected.utf8CodeUnitCount == name.count && zip(expected.utf8Bytes, name).allSatisfy { $0 == ($1 | 0x20) }
        }
    }
}
