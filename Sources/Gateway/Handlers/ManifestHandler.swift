import AWS
import HTTP
import Registry

/// `/v2/<name>/manifests/<reference>`. ECR has no DELETE here and leaves fields out of its responses (ECR 1.3).
struct ManifestHandler {
    private let forwarder: Forwarder
    private let reference: Reference
    private let digests: RecentDigests
    private let reads: SharedReads
    private let cached: CachedManifest?

    /// Bytes: ECR's own limit (ECR 1.3).
    static let maxManifest = 4 << 20
    /// Bytes of a manifest that is read whole, to compute its digest and to ask again if it breaks off. It is held while the client takes it, so larger ones, which only an
    /// attacker would make, pass without: the specification allows that.
    private static let maxToName = 256 << 10

    /// Others' requests that a read waits for, one after the other, before it is sent by itself.
    private static let maxLeaders = 2

    /// - Parameter questions: what the registry is asked by HEAD for the cache's sake.
    init(
        _ forwarder: Forwarder, reference: Reference, digests: RecentDigests, reads: SharedReads, questions: SharedReads,
        cache: CacheAccess?
    ) {
        (self.forwarder, self.reference, self.digests, self.reads) = (forwarder, reference, digests, reads)
        cached = cache.map { CachedManifest(cache: $0, forwarder: forwarder, reference: reference, questions: questions) }
    }

    func handle() async throws {
        switch forwarder.request.operation {
        case .manifestPut: try await put()
        case .manifestDelete: try await delete()
        default: try await get()
        }
    }

    private var requestHead: RequestHead { RequestHead(forwarder.head, target: forwarder.target) }
    private var change: RegistryChange { RegistryChange(forwarder: forwarder) }

    // MARK: GET and HEAD

    private func get() async throws {
        if let cached, try await cached.serve() { return }
        var place: Int?
        switch reads.join(forwarder) {
        case .leads(let own): place = own
        case .alone: break
        case .follows(let read):
            guard let part = try await follow(read) else { return }
            if case .leads(let own) = part { place = own }
        }
        let isGet = forwarder.request.operation == .manifestGet
        let response: UpstreamResponse
        do { response = try await forwarder.send(requestHead, collecting: isGet ? Self.maxToName : nil) } catch {
            if let place { for read in reads.end(place: place) { read.end(with: nil) } }
            throw error
        }
        if let place, case let followers = reads.end(place: place), !followers.isEmpty {
            return try await share(response, with: followers)
        }
        var digest: [UInt8]?
        if lacksDigest(response.head) { digest = self.digest(of: response) }
        if let cached {
            var body = response.body
            if body == nil, let arrived = response.lease.connection.arrivedBody { body = [UInt8](arrived) }
            // With a cache, no client gets what has not been compared with its digest.
            if body == nil, isGet, response.head.status == 200 { return try await pass(try await whole(response)) }
            try cached.keep(response.head, body: body, digest)
        }
        try await forwarder.pass(response, fields: Self.fields(digest))
    }

    /// Waits for the response to another read, and to the next one if that fails: for no longer in all than a request of its own would be tried.
    /// - Returns: what to do when there was none; nil: the client has the response.
    private func follow(_ first: SharedRead) async throws -> SharedReads.Part? {
        let start = ContinuousClock.now, time = forwarder.policy.left(at: start)
        var part = SharedReads.Part.follows(first)
        for _ in 0..<Self.maxLeaders {
            guard case .follows(let read) = part else { break }
            if let response = try await read.wait(for: time - start.duration(to: .now)) {
                forwarder.record.upstreamStatus = response.head.status
                try await pass(response)
                return nil
            }
            // The other one may only be slow. Its followers do not wait for each other then.
            part = start.duration(to: .now) < time ? reads.join(forwarder) : .alone
        }
        forwarder.postpone(since: start)
        if case .follows = part { return .alone }
        return part
    }

    private func share(_ response: consuming UpstreamResponse, with followers: [SharedRead]) async throws {
        let shared: SharedResponse
        do { shared = try await whole(response) } catch {
            for read in followers { read.end(with: nil) }
            throw error
        }
        for read in followers { read.end(with: shared) }
        try await pass(shared)
    }

    /// The connection is free afterwards, however slowly the clients take the response.
    private func whole(_ response: consuming UpstreamResponse) async throws -> SharedResponse {
        let connection = response.lease.connection, since = cached?.cache.since
        if case .none = connection.head.framing { return SharedResponse(connection, body: nil, since: since) }
        if let body = response.body { return SharedResponse(connection, body: body, since: since) }
        let body = try await forwarder.registry.collect(connection, upTo: Self.maxManifest)
        return SharedResponse(connection, body: body, since: since)
    }

    private func pass(_ response: SharedResponse) async throws {
        var digest: [UInt8]?
        if lacksDigest(response.head), let body = response.body {
            switch reference {
            case .digest(let named): digest = named.bytes
            case .tag: if !response.head.isEncoded { digest = body.withUnsafeBytes { digests.digest(of: $0) } }
            }
        }
        let head = response.head
        cached?.cache.follow(response.since)
        try cached?.keep(head, body: response.body, digest)
        try BlobLocation.rejectRedirect(head, forwarder.record)
        if forwarder.isThrown(head.status) {
            let failure = UpstreamError(status: head.status, body: response.body ?? [], retryAfter: response.retryAfter)
            throw forwarder.error(failure)
        }
        try await forwarder.writer.pass(
            head, .registry(fields: Self.fields(digest), forwarder.rewriting), body: response.body)
    }

    /// Of a response that does not say it; nil: it is not known.
    private func digest(of response: borrowing UpstreamResponse) -> [UInt8]? {
        switch reference {
        case .digest(let named): return named.bytes
        case .tag where response.head.status == 200 && !response.head.isEncoded:
            if let body = response.body { return body.withUnsafeBytes { digests.digest(of: $0) } }
            // Most have come with their head.
            guard let arrived = response.lease.connection.arrivedBody, arrived.count <= Self.maxToName else { return nil }
            return digests.digest(of: arrived)
        case .tag: return nil
        }
    }

    private func lacksDigest(_ head: Head) -> Bool {
        (200..<300).contains(head.status) && forwarder.request.operation == .manifestGet && !head.has(.dockerContentDigest)
    }

    private static func fields(_ digest: [UInt8]?) -> [ResponseField] {
        digest.map { [ResponseField(.dockerContentDigest, "Docker-Content-Digest", $0)] } ?? []
    }

    // MARK: PUT

    private func put() async throws {
        try await forwarder.readBody(upTo: Self.maxManifest)
        var creation = RepositoryCreation(forwarder)
        while true {
            let response = try await change.send(requestHead) { cached?.forgetTag() }
            if forwarder.body.canReplay, creation.applies(to: response.status) {
                let failure = try await forwarder.failure(response)
                guard await creation.create() else { throw forwarder.error(failure) }
                continue
            }
            let head = response.head
            if head.status >= 400, forwarder.mayHaveBeenTaken, let pushedDigest {
                // Read first: its connection and turn are free then for the request that asks.
                let failure = try await forwarder.failure(response)
                guard try await isPushed(pushedDigest) else { throw forwarder.error(failure) }
                return try await CreatedContent.respond("manifests", pushedDigest, by: forwarder)
            }
            let digest = head.value(of: .dockerContentDigest).map(Array.init) ?? pushedDigest
            guard (200..<300).contains(head.status), let digest else { return try await forwarder.pass(response) }
            cached?.pushed(digest)
            let fields = CreatedContent.fields(
                "manifests", digest, in: forwarder.route.repository, head, forwarder.rewriting)
            return try await forwarder.pass(response, fields: fields)
        }
    }

    /// The first attempt had been taken after all: a tag that cannot be changed names this manifest already.
    private func isPushed(_ digest: [UInt8]) async throws -> Bool {
        let found = try await forwarder.registry.send(.head, Array(forwarder.target), as: .batchGetImage, upTo: 0)
        return found.status == 200 && found.digest == digest
    }

    private var pushedDigest: [UInt8]? {
        guard case .whole(let bytes) = forwarder.body else { return nil }
        return bytes.withUnsafeBytes { digests.digest(of: $0) }
    }

    // MARK: DELETE

    private func delete() async throws {
        let image = await cached?.namedImage()
        let response = try await change.send(requestHead) { cached?.deleted(image) }
        guard response.status >= 400 else { return try await forwarder.pass(response) }
        let failure = try await forwarder.failure(response)
        if failure.isOfMissingEndpoint { return try await deleteImage(image) }
        // What was deleted before, and nobody could say then.
        if failure.status == 404 { cached?.deleted(image) }
        throw forwarder.error(failure)
    }

    /// By ECR's API.
    /// - Parameter digest: as `CachedManifest.namedImage` said before; nil: not known.
    private func deleteImage(_ digest: Digest?) async throws {
        let repository = forwarder.route.upstreamRepository, record = forwarder.record
        guard let directory = forwarder.route.upstream.directory else {
            throw ErrorResponse(.unsupported, "The upstream registry deletes no manifests.")
        }
        let image =
            switch reference {
            case .tag(let tag): ImageIdentifier.tag(tag.description)
            case .digest(let digest): ImageIdentifier.digest(digest.description)
            }
        let outcome: ImageDeletion
        do throws(AWSError) { outcome = try await directory.deleteImage(image, in: repository.description) } catch {
            if error.mayHaveBeenDone { cached?.deleted(digest) }
            record.reason = "\(error)"
            throw ErrorResponse(.denied, "The gateway could not delete the image; the operator can see the cause in the log.")
        }
        switch outcome {
        case .deleted:
            cached?.deleted(digest)
            try await forwarder.writer.respond(202, fields: [("Docker-Distribution-Api-Version", "registry/2.0")])
        case .notFound:
            cached?.deleted(digest)
            throw ErrorResponse(.manifestUnknown, "The upstream registry has no such manifest.")
        case .rejected(let code, let reason):
            record.reason = "\(code): \(reason)"
            let text = UpstreamError.withoutNames(reason, forwarder.route.repository.description, repository.description)
            throw ErrorResponse(.unsupported, "ECR does not delete this image: \(text)", status: 400)
        }
    }
}
