import Configuration
import HTTP
import Registry
import Transport

/// `/v2/<name>/blobs/<digest>`. The registry redirects to its storage; here the redirect is followed, or passed to clients that may follow
/// it themselves, and a transfer that breaks goes on where it broke.
struct BlobHandler {
    private var forwarder: Forwarder
    private let digest: Digest
    private let connectTo: ConnectTo
    private var progress = BlobProgress()
    /// The response, or the rest of it, is on its way to the client: what breaks now can be resumed.
    private var isPassing = false

    init(_ forwarder: Forwarder, digest: Digest, connectTo: ConnectTo) {
        (self.forwarder, self.digest, self.connectTo) = (forwarder, digest, connectTo)
    }

    /// Of the registry that is asked now.
    private var storage: BlobStorage { BlobStorage(registry: forwarder.registry, connectTo: connectTo) }
    private var upstream: Upstream { forwarder.route.upstream }
    private var writer: ResponseWriter { forwarder.writer }

    mutating func handle() async throws {
        switch forwarder.request.operation {
        case .blobGet: try await get()
        case .blobHead: try await head()
        default: try await delete()
        }
    }

    // MARK: GET

    private mutating func get() async throws {
        while true {
            do {
                isPassing = false
                if try await deliver() { return }
            } catch {
                guard writer.hasStarted || isPassing else { throw error }
                guard try await resumes(after: error) else { throw error }
            }
        }
    }

    /// Whether to ask for the rest: at the same registry, if it was sending, or else at another one, which has the same bytes under this digest.
    private mutating func resumes(after error: any Error) async throws -> Bool {
        let canResume = progress.remaining(after: writer.bodySent)?.isEmpty == false
        // A registry that does not even begin to send the rest has had its attempts.
        if !isPassing, canResume, try moves(after: error) { return true }
        if (error as? ConnectionFailure)?.side == .upstream {
            do { if try await forwarder.resumes(canResume: canResume) { return true } } catch let overtaken as ErrorResponse {
                return try canResume && moves(after: overtaken)
            }
        }
        return try isPassing && canResume && moves(after: error)
    }

    private mutating func moves(after error: any Error) throws -> Bool {
        guard let next = try forwarder.elsewhere(after: error, isResuming: true) else { return false }
        forwarder = next
        return true
    }

    /// One request, and the blob, or the rest of it, to the client. false: its URL had expired.
    private mutating func deliver() async throws -> Bool {
        let requestHead = RequestHead(
            forwarder.head, target: forwarder.target, range: progress.remaining(after: writer.bodySent))
        let response = try await forwarder.send(requestHead)
        if let location = try location(response) {
            guard !upstream.redirects(forwarder.downstream.client) || writer.hasStarted else {
                try await writer.pass(response.lease.connection, .registry(fields: [], forwarder.rewriting), body: response.body)
                return true
            }
            await response.release(by: forwarder.registry)
            return try await deliver(from: location, requestHead)
        }
        if writer.hasStarted, response.status < 400 || progress.isCompleted(by: response.head, after: writer.bodySent) {
            try await resume(response.lease.connection, of: "registry")
            return true
        }
        try BlobLocation.rejectRedirect(response.head, forwarder.record)
        guard !writer.hasStarted, response.status < 400 else {
            try await forwarder.pass(response)
            return true
        }
        try await begin(response.lease.connection, .registry(fields: [], nil), body: response.body)
        return true
    }

    private mutating func deliver(from location: BlobLocation, _ requestHead: RequestHead) async throws -> Bool {
        guard storage.mayBeAsked else {
            throw ErrorResponse(.unavailable, "The blob's storage is failing; try again later.", retryAfter: 5)
        }
        let lease = try await storage.open(location, requestHead, from: forwarder.policy.start)
        let connection = lease.connection
        let status = connection.head.status
        if BlobStorage.isURLRejected(status), forwarder.renewsURL() { return false }
        if writer.hasStarted {
            try await resume(connection, of: "blob's storage")
        } else if [200, 206, 304].contains(status) {
            try await begin(connection, .storage(digest: digest.bytes))
        } else {
            throw try await storage.error(connection)
        }
        return true
    }

    /// The response to the client.
    private mutating func begin(_ connection: UpstreamConnection, _ head: ResponseHead, body: [UInt8]? = nil) async throws {
        progress.begin(connection.head)
        isPassing = true
        do { try await writer.pass(connection, head, body: body) } catch {
            progress.pass(connection.payloadReceived)
            throw error
        }
    }

    /// Of the client's response.
    private var isChunked: Bool { progress.hasOwnFraming && forwarder.head.isVersion11 }

    /// The rest of a blob, and nothing else: the client has the head.
    private mutating func resume(_ connection: UpstreamConnection, of source: StaticString) async throws {
        if progress.isCompleted(by: connection.head, after: writer.bodySent) { return try await writer.end(chunked: isChunked) }
        guard progress.isContinued(by: connection.head, after: writer.bodySent) else {
            throw ConnectionFailure(
                .upstream, .closed, call: "resume",
                reason:
                    "the \(source) responded to the request for the rest of a broken transfer with status \(connection.head.status)"
            )
        }
        isPassing = true
        progress.resume(connection.head)
        do { try await writer.passRest(of: connection, chunked: isChunked) } catch {
            progress.pass(connection.payloadReceived)
            throw error
        }
    }

    /// Where a redirect leads; nil: the response is none.
    /// - Throws: `ErrorResponse` for a redirect that is not followed.
    private func location(_ response: borrowing UpstreamResponse) throws -> BlobLocation? {
        guard BlobStorage.isRedirect(response.status), let field = response.head.value(of: .location) else {
            try BlobLocation.rejectRedirect(response.head, forwarder.record)
            return nil
        }
        return try BlobLocation(field, of: upstream, connectTo: storage.connectTo, record: forwarder.record)
    }

    // MARK: HEAD

    private mutating func head() async throws {
        if upstream.hasBlobHead {
            let response = try await forwarder.send(RequestHead(forwarder.head, target: forwarder.target))
            guard (300..<400).contains(response.status), response.status != 304 else { return try await forwarder.pass(response) }
            // The storage rejects HEAD where the URL is for GET (ECR 1.4): the first byte tells the size.
        }
        while try await !probe() {}
    }

    /// Asks for the blob's first byte and tells the client what that says of the whole. false: the URL had expired.
    private mutating func probe() async throws -> Bool {
        let probe = RequestHead.probe(forwarder.head, target: forwarder.target)
        let response = try await forwarder.send(probe)
        guard let location = try location(response) else {
            guard Self.tellsSize(response.status) else { throw forwarder.error(try await forwarder.failure(response)) }
            try await respond(try Self.size(of: response))
            return true
        }
        await response.release(by: forwarder.registry)
        let lease = try await storage.open(location, probe, from: forwarder.policy.start)
        let connection = lease.connection
        let status = connection.head.status
        if BlobStorage.isURLRejected(status), forwarder.renewsURL() { return false }
        if Self.tellsSize(status) {
            try await respond(try Self.size(of: lease))
        } else if status == 304 {
            try await writer.pass(connection, .storage(digest: digest.bytes))
        } else {
            throw try await storage.error(connection)
        }
        return true
    }

    private static func tellsSize(_ status: Int) -> Bool { [200, 206, 416].contains(status) }

    /// The upstream's connection is not held while the client takes the response.
    private static func size(of response: consuming UpstreamResponse) throws -> Int { try size(by: response.head) }

    private static func size(of lease: consuming Lease) throws -> Int { try size(by: lease.connection.head) }

    private static func size(by head: Head) throws -> Int {
        guard let size = ContentRange.blobSize(head) else {
            throw ErrorResponse.badGateway("The blob's storage does not tell its size.")
        }
        return size
    }

    private func respond(_ size: Int) async throws {
        try await writer.respondToHead(
            200,
            fields: [
                ("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes"),
                ("Docker-Distribution-Api-Version", "registry/2.0"), ("Docker-Content-Digest", digest.description),
            ], length: size)
    }

    // MARK: DELETE

    private mutating func delete() async throws {
        let response = try await forwarder.send(RequestHead(forwarder.head, target: forwarder.target))
        guard response.status >= 400 else { return try await forwarder.pass(response) }
        let failure = try await forwarder.failure(response)
        guard !failure.isOfMissingEndpoint else {
            throw ErrorResponse(
                .unsupported, "ECR deletes a blob by itself, when no image refers to it any more; delete the manifests.")
        }
        throw forwarder.error(failure)
    }
}
