import Cache
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
    /// nil: there is none, it has failed, or the client follows redirects itself.
    private var cache: CacheAccess?
    /// The blob goes into the cache with the response to this request. Given up with the handler.
    private var fill: Fill?

    init(_ forwarder: Forwarder, digest: Digest, connectTo: ConnectTo, cache: CacheAccess?) {
        (self.forwarder, self.digest, self.connectTo) = (forwarder, digest, connectTo)
        let isRead = forwarder.request.operation != .blobDelete
        self.cache = isRead && forwarder.route.upstream.redirects(forwarder.downstream.client) ? nil : cache
    }

    /// Of the registry that is asked now.
    private var storage: BlobStorage { BlobStorage(registry: forwarder.registry, connectTo: connectTo) }
    private var upstream: Upstream { forwarder.route.upstream }
    private var writer: ResponseWriter { forwarder.writer }
    private var cached: CachedBlob? { cache.map { CachedBlob(cache: $0, forwarder: forwarder, digest: digest) } }

    mutating func handle() async throws {
        switch forwarder.request.operation {
        case .blobGet: try await get()
        case .blobHead: try await BlobHeadHandler(forwarder, digest: digest, storage: storage, cache: cache).handle()
        default: try await delete()
        }
    }

    // MARK: GET

    private mutating func get() async throws {
        while true {
            do {
                isPassing = false
                if let cached, !writer.hasStarted, fill == nil, try await deliver(from: cached) { return }
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

    /// One request, and the blob, or the rest of it, to the client. false: its URL had expired, or the cache has failed.
    private mutating func deliver() async throws -> Bool {
        let requestHead = RequestHead(
            forwarder.head, target: forwarder.target, range: progress.remaining(after: writer.bodySent))
        let response = try await forwarder.send(requestHead)
        let location = try storage.location(response)
        // A redirect says nothing yet: the storage has the blob or not.
        if location == nil { cache?.note(response.status, of: digest, by: forwarder) }
        if let location {
            guard !upstream.redirects(forwarder.downstream.client) || writer.hasStarted else {
                try await writer.pass(response.lease.connection, .registry(fields: [], forwarder.rewriting), body: response.body)
                return true
            }
            await forwarder.registry.release(response)
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
        if let fill = fill.take(), let cached, let size = cached.begin(fill, response.head) {
            return try await download(into: fill, size, response.lease, cached)
        }
        try await begin(response.lease.connection, .registry(fields: [], nil), body: response.body)
        return true
    }

    private mutating func deliver(from location: BlobLocation, _ requestHead: RequestHead) async throws -> Bool {
        try storage.checkMayBeAsked()
        let lease = try await storage.open(location, requestHead, from: forwarder.policy.start)
        let connection = lease.connection
        let status = connection.head.status
        if BlobStorage.isURLRejected(status), forwarder.renewsURL() { return false }
        cache?.note(status, of: digest, by: forwarder)
        if writer.hasStarted {
            try await resume(connection, of: "blob's storage")
        } else if let fill = fill.take(), let cached, let size = cached.begin(fill, connection.head) {
            return try await download(into: fill, size, lease, cached)
        } else if [200, 206, 304].contains(status) {
            try await begin(connection, .storage(digest: digest.bytes))
        } else {
            throw try await storage.error(connection)
        }
        return true
    }

    // MARK: The cache

    /// Serves the blob from the cache, whether it is held or on its way there. false: the registry is to be asked.
    private mutating func deliver(from cache: CachedBlob) async throws -> Bool {
        switch try await cache.find() {
        case .content(let prepared, let result):
            try await send(prepared, as: result, cache)
            return true
        case .nothing(let fill): self.fill = fill
        case .unused: break
        }
        return false
    }

    private mutating func send(_ prepared: ContentResponse.Prepared, as result: CacheResult, _ cache: CachedBlob) async throws {
        progress.begin(prepared.range, of: prepared.size)
        isPassing = true
        try await cache.response.send(prepared, as: result)
    }

    /// The response goes into the cache, in a task of its own, and from there to the client. false: nothing came, since the disk or the transfer has
    /// failed: once more, without the cache.
    private mutating func download(into fill: Fill, _ size: Int, _ lease: consuming Lease, _ cached: CachedBlob) async throws
        -> Bool
    {
        BlobDownload.begin(fill, size: size, lease, for: forwarder, connectTo: connectTo)
        guard let prepared = try await cached.prepare(fill) else {
            cache = nil
            return false
        }
        try await send(prepared, as: .miss, cached)
        return true
    }

    // MARK: The response

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

    // MARK: DELETE

    private func delete() async throws {
        let requestHead = RequestHead(forwarder.head, target: forwarder.target)
        let response = try await RegistryChange(forwarder: forwarder).send(requestHead) { cache?.forget(digest, isDeleted: true) }
        guard response.status >= 400 else { return try await forwarder.pass(response) }
        let failure = try await forwarder.failure(response)
        guard !failure.isOfMissingEndpoint else {
            throw ErrorResponse(
                .unsupported, "ECR deletes a blob by itself, when no image refers to it any more; delete the manifests.")
        }
        cache?.note(failure.status, of: digest, by: forwarder)
        throw forwarder.error(failure)
    }
}
