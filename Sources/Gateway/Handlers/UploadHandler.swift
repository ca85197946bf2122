import HTTP
import Registry

/// `/v2/<name>/blobs/uploads/` and its sessions. ECR takes uploads, but does not tell how far one has come, reports a misplaced chunk only
/// after all of it has been sent, and has no status, cancellation or single POST (ECR 1.5).
struct UploadHandler {
    private let forwarder: Forwarder
    /// The `Content-Range` of a chunk; nil: it has none, or one that cannot be read.
    private let chunk: ChunkRange?

    init(_ forwarder: Forwarder) {
        self.forwarder = forwarder
        chunk = forwarder.head.value(of: .contentRange).flatMap { ChunkRange($0) }
    }

    private var request: RegistryRequest { forwarder.request }
    private var rewriting: Rewriting { forwarder.rewriting }

    func handle() async throws {
        switch request.operation {
        case .uploadStart where request.isMonolithic && forwarder.head.framing != .none: try await pushWhole()
        case .uploadStart: try await start()
        case .uploadChunk: try await append()
        case .uploadFinish: try await finish()
        case .uploadStatus: try await status()
        default: try await cancel()
        }
    }

    private var requestHead: RequestHead { RequestHead(forwarder.head, target: forwarder.target) }

    // MARK: POST

    private func start() async throws {
        var creation = RepositoryCreation(forwarder)
        while true {
            let response = try await forwarder.send(requestHead)
            if creation.applies(to: response.status) {
                let failure = try await forwarder.failure(response)
                guard await creation.create() else { throw forwarder.error(failure) }
                continue
            }
            guard response.status != 201 else { return try await passCreated(response, request.mount?.digest ?? request.digest) }
            return try await passSession(response, .start, isNew: true)
        }
    }

    /// A blob that comes with the request (distribution spec, "Single POST"): its body goes into a session by PUT.
    private func pushWhole() async throws {
        guard let digest = request.digest else { return }
        let session = try await openSession()
        let mark = session.contains(UInt8(ascii: "?")) ? "&" : "?"
        let target = session + Array("\(mark)digest=".utf8) + digest.bytes
        let response = try await forwarder.send(RequestHead(forwarder.head, method: .put, target: target[...]))
        guard response.status != 201 else { return try await passCreated(response, digest) }
        try await passSession(response, .start, isNew: true)
    }

    /// - Returns: path and query at the upstream.
    private func openSession() async throws -> [UInt8] {
        let uploads = Array("/v2/\(forwarder.route.upstreamRepository)/blobs/uploads/".utf8)
        var creation = RepositoryCreation(forwarder)
        var response = try await forwarder.registry.send(.post, uploads, upTo: TokenRejection.maxBody)
        if creation.applies(to: response.status), await creation.create() {
            response = try await forwarder.registry.send(.post, uploads, upTo: TokenRejection.maxBody)
        }
        guard response.status == 202 else {
            throw forwarder.error(UpstreamError(status: response.status, body: response.body))
        }
        guard let location = response.location.flatMap({ Rewriting(of: forwarder.route.upstream).location($0[...]) }) else {
            throw ErrorResponse.badGateway(
                "The upstream registry opened an upload without an address to continue at.", retryAfter: 1)
        }
        return location
    }

    // MARK: PATCH and PUT

    private func append() async throws {
        try checkChunk()
        let response = try await forwarder.send(requestHead)
        // ECR says 201 to a chunk where the specification says 202, and strict clients stop there (ECR 1.5).
        let status = (200...204).contains(response.status) ? 202 : nil
        try await passSession(response, stateAfterChunk, status: status)
    }

    private func finish() async throws {
        try checkChunk()
        let response = try await forwarder.send(requestHead)
        // The session is gone: it ended with the first attempt, whose response was lost, or broke with it.
        if response.status >= 400, forwarder.mayHaveBeenTaken, let digest = request.digest {
            // Read first: its connection and turn are free then for the request that asks.
            _ = try await forwarder.failure(response)
            if try await isStored(digest) { return try await CreatedContent.respond("blobs", digest.bytes, by: forwarder) }
            throw ErrorResponse(.unavailable, "The upload broke off; start it again.", retryAfter: 1)
        }
        try await passCreated(response, request.digest)
    }

    private func isStored(_ digest: Digest) async throws -> Bool {
        let path = "/v2/\(forwarder.route.upstreamRepository)/blobs/\(digest)"
        let found = try await forwarder.registry.send(.head, Array(path.utf8), as: .batchCheckLayerAvailability, upTo: 0)
        return found.status == 200
    }

    /// After the chunk that the upstream has just accepted; nil: not known.
    private var stateAfterChunk: UploadState? {
        let before = chunk.map { UploadState(offset: $0.offsets.lowerBound, endsShort: false) } ?? request.upload
        return before?.adding(forwarder.body.taken)
    }

    /// Checks a chunk's `Content-Range` before the upstream gets a byte of it: ECR reports a mistake only after all has been sent, or by a
    /// reset (ECR 1.5).
    private func checkChunk() throws(ErrorResponse) {
        guard forwarder.head.framing != .none else { return }
        if forwarder.head.value(of: .contentRange) != nil {
            guard let chunk else {
                throw ErrorResponse(
                    .blobUploadInvalid, "The Content-Range of a chunk is its first and its last byte, like 0-1048575.")
            }
            if case .length(let count) = forwarder.head.framing, count != chunk.offsets.count {
                throw ErrorResponse(
                    .sizeInvalid, "The chunk has \(count) bytes, and its Content-Range says \(chunk.offsets.count).")
            }
            if let upload = request.upload, upload.offset != chunk.offsets.lowerBound {
                throw outOfOrder(
                    upload, "The chunk begins at byte \(chunk.offsets.lowerBound), and \(upload.offset) have been taken.")
            }
        }
        if request.upload?.endsShort == true {
            throw ErrorResponse(
                .blobUploadInvalid,
                "The chunk before this one had fewer than \(UploadState.minPart) bytes, which ECR takes only of the last one; send chunks of OCI-Chunk-Min-Length."
            )
        }
    }

    // MARK: GET and DELETE of a session

    private func status() async throws {
        let response = try await forwarder.send(requestHead)
        guard response.status >= 400, let upload = request.upload, case .upload(_, let session) = request.endpoint else {
            return try await passSession(response, request.upload)
        }
        let failure = try await forwarder.failure(response)
        guard failure.isOfMissingEndpoint else { throw error(failure) }
        let name = ("Docker-Upload-UUID", String(decoding: session, as: UTF8.self))
        try await forwarder.writer.respond(204, fields: fields(of: upload) + [name])
    }

    private func cancel() async throws {
        let response = try await forwarder.send(requestHead)
        guard response.status >= 400 else { return try await forwarder.pass(response) }
        let failure = try await forwarder.failure(response)
        guard failure.isOfMissingEndpoint else { throw error(failure) }
        // ECR lets a session lapse by itself.
        try await forwarder.writer.respond(204, fields: [])
    }

    // MARK: Responses

    /// The blob exists now.
    private func passCreated(_ response: consuming UpstreamResponse, _ digest: Digest?) async throws {
        let head = response.head
        guard head.status < 400 else { throw error(try await forwarder.failure(response)) }
        guard (200..<300).contains(head.status), let digest else { return try await forwarder.pass(response) }
        let fields = CreatedContent.fields("blobs", digest.bytes, in: forwarder.route.repository, head, rewriting)
        try await forwarder.pass(response, fields: fields)
    }

    /// The upload goes on.
    /// - Parameters:
    ///   - state: nil: not known. The upstream's own `Range` then passes.
    ///   - status: nil: the upstream's.
    private func passSession(
        _ response: consuming UpstreamResponse, _ state: UploadState?, status: Int? = nil, isNew: Bool = false
    ) async throws {
        let head = response.head
        guard head.status < 400 else { throw error(try await forwarder.failure(response)) }
        guard (200..<300).contains(head.status) else { return try await forwarder.pass(response) }
        // Where it was, unless the upstream says otherwise. A location at another host passes as it is.
        let location = head.value(of: .location).map { rewriting.location($0) ?? Array($0) } ?? address
        let session = location.prefix { $0 != UInt8(ascii: "?") }.split(separator: UInt8(ascii: "/")).last ?? []
        var fields = [ResponseField(.location, "Location", state?.location(location) ?? location)]
        if head.value(of: .dockerUploadUUID) == nil {
            fields.append(ResponseField(.dockerUploadUUID, "Docker-Upload-UUID", Array(session)))
        }
        if let state { fields.append(ResponseField(.range, "Range", state.range)) }
        if isNew, head.string("oci-chunk-min-length") == nil {
            fields.append(ResponseField(.other, "OCI-Chunk-Min-Length", Array("\(UploadState.minPart)".utf8)))
        }
        try await forwarder.pass(response, status: status, fields: fields)
    }

    /// The request's own address, as a `Location`, without the upload's state.
    private var address: [UInt8] {
        let query = request.upstreamQuery.isEmpty ? [] : [UInt8(ascii: "?")] + request.upstreamQuery
        return forwarder.downstream.publicURL + request.target.path + query
    }

    /// Where an upload goes on, and from which byte.
    private func fields(of upload: UploadState) -> [(String, String)] {
        [
            ("Location", String(decoding: upload.location(address), as: UTF8.self)),
            ("Range", String(decoding: upload.range, as: UTF8.self)),
        ]
    }

    private func error(_ failure: UpstreamError) -> ErrorResponse {
        guard failure.status == 416, let taken = failure.bytesTaken else { return forwarder.error(failure) }
        forwarder.record.reason = failure.message
        return outOfOrder(
            UploadState(offset: taken, endsShort: false), "The chunk does not begin at byte \(taken), where the last one ended.")
    }

    private func outOfOrder(_ upload: UploadState, _ message: String) -> ErrorResponse {
        RangeNotSatisfiable.chunk(message, fields: fields(of: upload))
    }
}
