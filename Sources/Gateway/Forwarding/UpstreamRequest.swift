import HTTP

/// The head of a request as the upstream gets it: the client's, with what is between the client and Berth taken out and what is
/// between Berth and the upstream put in. All else passes byte for byte.
struct UpstreamRequest {
    let head: Head
    /// In the place of the client's; nil: that.
    var method: Method?
    let origin: Origin
    /// Path and query there.
    let target: [UInt8]
    /// HEAD of a blob where the upstream has none: GET of its first byte.
    var isProbe = false
    /// The offsets of a blob that are still owed, in the place of what the client asked for; nil: as it asked.
    var owed: Range<Int>?
    /// A chunk that is larger than the upstream takes with its place said.
    var isPlaceless = false

    /// To the registry: with the authorization token.
    /// - Parameter length: of the body; nil: chunked.
    func registryHead(into bytes: inout [UInt8], token: [UInt8], length: Int?) {
        start(&bytes)
        bytes.append(Self.asItIs)
        bytes.appendField("Authorization", token)
        if let length {
            if length > 0 || head.method == .post || head.method == .put || head.method == .patch {
                bytes.appendField("Content-Length", decimal: length)
            }
        } else {
            bytes.append("Transfer-Encoding: chunked\r\n")
        }
        head.appendFields(to: &bytes) { field in
            switch field.name {
            // The client's own login, and what a proxy before us said of it: neither is the registry's business.
            case .authorization, .forwarded, .xForwardedFor, .xForwardedHost, .xForwardedProto: false
            // Framing and host are Berth's; 100-continue is answered by Berth.
            case .contentLength, .host, .expect: false
            // What comes is read here: errors judged, manifests named, ranges resumed.
            case .acceptEncoding: false
            case .range: !isProbe && owed == nil
            case .contentRange: !isPlaceless
            case .other: owed == nil || !isCondition(field)
            default: true
            }
        }
        bytes.append("\r\n")
    }

    /// To where a redirect leads: only what chooses the bytes. Never a credential: S3 refuses a request with two (ECR 1.4).
    func redirectedHead(into bytes: inout [UInt8]) {
        start(&bytes)
        if isProbe { bytes.append(Self.asItIs) }
        head.appendFields(to: &bytes) { field in
            switch field.name {
            case .range: !isProbe && owed == nil
            // Relayed and no more, in whatever coding the client takes; but a probe's length is to be the blob's own.
            case .acceptEncoding: !isProbe
            case .other: Self.is(head, field, among: Self.passedToRedirect) || (owed == nil && isCondition(field))
            default: false
            }
        }
        bytes.append("\r\n")
    }

    /// What it asked was answered when the bytes were promised.
    private func isCondition(_ field: Head.Field) -> Bool { Self.is(head, field, among: Self.conditions) }

    private static func `is`(_ head: Head, _ field: Head.Field, among names: [[UInt8]]) -> Bool {
        let name = head.bytes[field.nameRange]
        return names.contains { $0.count == name.count && zip($0, name).allSatisfy { $0 == ($1 | 0x20) } }
    }

    /// In lower case; `-` is its own lower case under `| 0x20`.
    private static let passedToRedirect = ["user-agent"].map { Array($0.utf8) }
    private static let conditions = ["if-match", "if-none-match", "if-range", "if-modified-since", "if-unmodified-since"]
        .map { Array($0.utf8) }

    /// Without this any coding would do (RFC 9110 12.5.3).
    static let asItIs: StaticString = "Accept-Encoding: identity\r\n"

    private func start(_ bytes: inout [UInt8]) {
        bytes.append(isProbe ? Method.get.token : (method ?? head.method).token)
        bytes.append(" ")
        bytes.append(contentsOf: target)
        bytes.append(" HTTP/1.1\r\n")
        bytes.appendField("Host", origin.fieldValue)
        if isProbe { bytes.append("Range: bytes=0-0\r\n") }
        if let owed { bytes.append(contentsOf: "Range: bytes=\(owed.lowerBound)-\(owed.upperBound - 1)\r\n".utf8) }
    }
}
