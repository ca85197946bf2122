import HTTP

/// The head of an answer as the client gets it.
struct ClientAnswer {
    /// How the body goes to the client.
    enum Body {
        /// As the upstream frames it: by its own Content-Length.
        case asItIs
        /// By the status there is none, and nothing to say of it.
        case none
        /// Gathered or made here.
        case length(Int)
        case chunked
        /// To an HTTP/1.0 client, when the length is not known.
        case untilClose
    }

    let head: Head
    let status: Int
    let body: Body
    let requestID: [UInt8]
    /// Said where the upstream does not say it (RFC 9110 6.6.1).
    let date: [UInt8]
    /// `Connection: close`, or nothing, and the like.
    let connectionField: StaticString

    /// From the registry: everything but what `Rewriting` changes, and with `fields` in the place of its own.
    func registryHead(into bytes: inout [UInt8], fields: [AnswerField], rewriting: Rewriting) {
        start(&bytes)
        func isReplaced(_ name: FieldName) -> Bool { name != .other && fields.contains { $0.known == name } }
        head.appendFields(to: &bytes) { field in
            switch field.name {
            case .location, .link, .wwwAuthenticate: false
            case .contentLength: if case .asItIs = body { true } else { false }
            default: !isReplaced(field.name)
            }
        }
        for field in fields { bytes.appendField(field.name, field.value) }
        for field in head.fields where !isReplaced(field.name) {
            let value = head.bytes[field.valueRange]
            switch field.name {
            case .location: bytes.appendField("Location", rewriting.location(value) ?? Array(value))
            case .link: bytes.appendField("Link", rewriting.link(value) ?? Array(value))
            default: break
            }
        }
        finish(&bytes)
    }

    /// From where a redirect led: what describes the bytes, and nothing that names the bucket or the request there.
    func redirectedHead(into bytes: inout [UInt8], digest: [UInt8]) {
        start(&bytes)
        head.appendFields(to: &bytes) { field in
            switch field.name {
            case .contentLength: if case .asItIs = body { return true } else { return false }
            case .contentEncoding, .contentType, .contentRange, .date: return true
            default:
                let name = head.bytes[field.nameRange]
                return Self.describing.contains { $0.count == name.count && zip($0, name).allSatisfy { $0 == ($1 | 0x20) } }
            }
        }
        bytes.append("Docker-Distribution-Api-Version: registry/2.0\r\n")
        bytes.appendField("Docker-Content-Digest", digest)
        finish(&bytes)
    }

    private static let describing = [
        "accept-ranges", "etag", "last-modified", "cache-control", "expires", "age",
    ]
    .map { Array($0.utf8) }

    private func start(_ bytes: inout [UInt8]) { bytes.appendStatusLine(status) }

    private func finish(_ bytes: inout [UInt8]) {
        switch body {
        case .asItIs, .none, .untilClose: break
        case .length(let count): bytes.appendField("Content-Length", decimal: count)
        case .chunked: bytes.append("Transfer-Encoding: chunked\r\n")
        }
        if head.value(of: .date) == nil { bytes.appendField("Date", date) }
        bytes.appendField("Berth-Request-Id", requestID)
        bytes.append(connectionField)
        bytes.append("\r\n")
    }
}
