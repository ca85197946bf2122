import Cache
import HTTP
import Registry
import Transport

/// HEAD of `/v2/<name>/blobs/<digest>`.
struct BlobHeadHandler {
    private let forwarder: Forwarder
    private let digest: Digest
    private let storage: BlobStorage
    private let cache: CacheAccess?

    init(_ forwarder: Forwarder, digest: Digest, storage: BlobStorage, cache: CacheAccess?) {
        (self.forwarder, self.digest, self.storage, self.cache) = (forwarder, digest, storage, cache)
    }

    private var upstream: Upstream { forwarder.route.upstream }
    private var writer: ResponseWriter { forwarder.writer }

    func handle() async throws {
        if let cache, !cache.mayPush,
            let held = try await ContentResponse(cache, writer).sendHead(
                of: digest, ContentSelection.Wish(forwarder.head), isBlob: true, as: .hit)
        {
            if held.isOld { Renewal.begin(digest, isManifest: false, cache, forwarder) }
            return
        }
        if let cache { try await cache.check(forwarder) }
        if upstream.hasBlobHead {
            let response = try await forwarder.send(RequestHead(forwarder.head, target: forwarder.target))
            cache?.note(response.status, of: digest, by: forwarder)
            guard (300..<400).contains(response.status), response.status != 304 else { return try await forwarder.pass(response) }
            // The storage rejects HEAD where the URL is for GET (ECR 1.4): the first byte tells the size.
        }
        while try await !probe() {}
    }

    /// Asks for the blob's first byte and tells the client what that says of the whole. false: the URL had expired.
    private func probe() async throws -> Bool {
        let probe = RequestHead.probe(forwarder.head, target: forwarder.target)
        let response = try await forwarder.send(probe)
        guard let location = try storage.location(response) else {
            guard Self.tellsSize(response.status) else { throw forwarder.error(try await forwarder.failure(response)) }
            try await respond(try Self.size(of: response))
            return true
        }
        await forwarder.registry.release(response)
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
}
