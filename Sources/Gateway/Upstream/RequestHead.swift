import HTTP

/// The head of a request as the upstream gets it: the client's, without what is between the client and Berth, and with what is between
/// Berth and the upstream. Everything else passes byte for byte.
struct RequestHead {
    /// The client's; an empty one for a request of Berth's own.
    let head: Head
    let method: Method
    /// Path and query at the upstream.
    let target: ArraySlice<UInt8>
    /// The bytes of a blob to ask for, in the place of what the client asked for, up to `Int.max` for all the rest; nil: as it asked.
    var range: Range<Int>?
    /// Of a request of Berth's own.
    var accept: StaticString?

    init(
        _ head: Head, method: Method? = nil, target: ArraySlice<UInt8>, range: Range<Int>? = nil, accept: StaticString? = nil
    ) {
        (self.head, self.method, self.target) = (head, method ?? head.method, target)
        (self.range, self.accept) = (range, accept)
    }

    /// GET of a blob's first byte, which tells its size where HEAD does not.
    static func probe(_ head: Head, target: ArraySlice<UInt8>) -> RequestHead {
        RequestHead(head, method: .get, target: target, range: 0..<1)
    }

    /// It asks for other bytes than the client: the client's own range and conditions do not apply.
    private var isProbe: Bool { head.method == .head && method == .get }

    /// To the registry: with the authorization token.
    /// - Parameters:
    ///   - token: the value of `Authorization`.
    ///   - trace: what the registry's part of the trace goes on from.
    ///   - length: bytes of the body; nil: chunked.
    func writeRegistryHead(into output: OutputBuffer, to origin: Origin, token: [UInt8], trace: TraceContext, length: Int?) {
        start(output, origin)
        output.append(Self.identity)
        output.appendField("Authorization", token)
        trace.appendField(to: output)
        if let length {
            if length > 0 || method == .post || method == .put || method == .patch {
                output.appendField("Content-Length", decimal: length)
            }
        } else {
            output.append("Transfer-Encoding: chunked\r\n")
        }
        if let accept { output.appendField("Accept", accept) }
        head.appendFields(to: output) { field in
            switch field.name {
            // The client's own login, and what a proxy before Berth said about the client.
            case .authorization, .forwarded, .xForwardedFor, .xForwardedHost, .xForwardedProto: false
            // Berth is between the caller and the registry. A state belongs to its trace.
            case .traceparent: false
            case .tracestate: trace.parent != nil
            // Framing and host are Berth's; Berth sends 100 (Continue) itself.
            case .contentLength, .host, .expect: false
            // Berth reads what comes: it judges errors, names manifests and resumes ranges.
            case .acceptEncoding: false
            case .range: range == nil
            case .contentRange: !Self.isTooLarge(head.bytes[field.valueRange])
            case .other: range == nil || isProbe || !Self.isCondition(field, of: head)
            default: true
            }
        }
        output.append("\r\n")
    }

    /// To where a redirect leads: only what chooses the bytes. Never a credential: S3 rejects a request with two (ECR 1.4). Not the trace either:
    /// storage and CDNs take no part in it, and need not learn which requests belong together.
    func writeStorageHead(into output: OutputBuffer, to origin: Origin) {
        start(output, origin)
        if isProbe { output.append(Self.identity) }
        head.appendFields(to: output) { field in
            switch field.name {
            case .range: range == nil
            // The body is only relayed, in whatever coding the client takes; but the length that a probe asks for is the blob's own.
            case .acceptEncoding: !isProbe
            case .other:
                head.isNamed(field, anyOf: FieldNames.userAgent) || ((range == nil || isProbe) && Self.isCondition(field, of: head))
            default: false
            }
        }
        output.append("\r\n")
    }

    /// ECR takes larger chunks without their `Content-Range` only.
    private static func isTooLarge(_ contentRange: ArraySlice<UInt8>) -> Bool {
        (ChunkRange(contentRange)?.offsets.count ?? 0) > UploadState.maxRangedChunk
    }

    /// The first response has met the client's conditions: a request for the rest does not repeat them.
    private static func isCondition(_ field: Head.Field, of head: Head) -> Bool {
        head.isNamed(field, anyOf: FieldNames.conditions)
    }

    /// Without this field any coding would do (RFC 9110 12.5.3).
    private static let identity: StaticString = "Accept-Encoding: identity\r\n"

    private func start(_ output: OutputBuffer, _ origin: Origin) {
        output.removeAll()
        output.append(method.token)
        output.append(" ")
        output.append(target)
        output.append(" HTTP/1.1\r\n")
        origin.appendField(to: output)
        if let range {
            output.append(
                Array("Range: bytes=\(range.lowerBound)-\(range.upperBound == .max ? "" : "\(range.upperBound - 1)")\r\n".utf8))
        }
    }
}
