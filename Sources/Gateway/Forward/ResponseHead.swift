import HTTP

/// A field that Berth writes in the place of the upstream's of that name.
struct ResponseField {
    /// `other`: the upstream's response has no such field.
    let known: FieldName
    let name: StaticString
    let value: [UInt8]

    init(_ known: FieldName, _ name: StaticString, _ value: [UInt8]) { (self.known, self.name, self.value) = (known, name, value) }

    /// The field as Berth's own responses take it.
    var pair: (String, String) { ("\(name)", String(decoding: value, as: UTF8.self)) }
}

/// What of the head of an upstream's response the client gets.
enum ResponseHead {
    /// From the registry: everything but what `Rewriting` changes, and with `fields` in the place of the upstream's. Without a rewriting, addresses
    /// are left out.
    case registry(fields: [ResponseField], Rewriting?)
    /// From where a redirect led: what describes the bytes, and nothing that names the bucket or the request there.
    case storage(digest: [UInt8])

    /// Copies what passes of `head`, and adds what Berth says in its place.
    /// - Parameter copiesLength: `Content-Length` is the client's too.
    func write(_ head: Head, copiesLength: Bool, to writer: ResponseHeadWriter) {
        switch self {
        case .registry(let fields, let rewriting): Self.registry(head, copiesLength, fields, rewriting, writer)
        case .storage(let digest): Self.storage(head, copiesLength, digest, writer)
        }
    }

    private static func registry(
        _ head: Head, _ copiesLength: Bool, _ fields: [ResponseField], _ rewriting: Rewriting?, _ writer: ResponseHeadWriter
    ) {
        // A bit for each name: every field of the response is looked for.
        let replaced = fields.reduce(0 as UInt64) { $1.known == .other ? $0 : $0 | 1 << $1.known.rawValue }
        func isReplaced(_ name: FieldName) -> Bool { replaced & 1 << name.rawValue != 0 }
        writer.fields(of: head) { field in
            switch field.name {
            case .location, .link, .wwwAuthenticate: false
            case .contentLength: copiesLength
            default: !isReplaced(field.name)
            }
        }
        for field in fields { writer.field(field.name, field.value) }
        guard let rewriting else { return }
        for field in head.fields where !isReplaced(field.name) {
            let value = head.bytes[field.valueRange]
            switch field.name {
            case .location: writer.field("Location", rewriting.location(value) ?? Array(value))
            case .link: writer.field("Link", rewriting.link(value) ?? Array(value))
            default: break
            }
        }
    }

    private static func storage(_ head: Head, _ copiesLength: Bool, _ digest: [UInt8], _ writer: ResponseHeadWriter) {
        writer.fields(of: head) { field in
            switch field.name {
            case .contentLength: copiesLength
            case .contentEncoding, .contentType, .contentRange, .date: true
            default: head.isNamed(field, anyOf: FieldNames.representation)
            }
        }
        writer.field("Docker-Distribution-Api-Version", "registry/2.0")
        writer.field("Docker-Content-Digest", digest)
    }
}
