import Cache
import HTTP
import Registry

/// Has the registry say again that it has what clients get from the cache, before its word expires: when it goes away, what was in use until then is served
/// for nearly `stale`. In a task for which no client waits. Nothing is asked of a registry that fails.
struct Renewal {
    private let store: CacheStore
    private let source: ContentSource
    private let registry: RegistryClient

    /// Of what one manifest leads to, at most so many are looked at, and at most so many asked for.
    private static let maxFound = 4096, maxAsked = 256
    /// No user's name.
    private static let user = " renewal"
    /// A registry may take a manifest for missing that is of none of these.
    private static let manifestTypes: StaticString = """
        application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
        application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*
        """

    /// The registry cannot be asked now, or does not allow HEAD. What has not been asked for is asked for a tenth of `stale` later, if it is used then.
    private struct Unavailable: Error {}

    /// For a content that a client gets, and whose confirmation is old.
    static func begin(_ digest: Digest, isManifest: Bool, _ cache: CacheAccess, _ forwarder: Forwarder) {
        guard mayAsk(forwarder.upstream), cache.store.claimRenewal(of: digest, by: cache.source) else { return }
        start(cache, forwarder) { renewal in
            guard try await renewal.ask(digest, isManifest: isManifest), isManifest else { return }
            try await renewal.askForReferences(of: digest)
        }
    }

    /// For what a manifest refers to whose confirmation has just been renewed: nodes that have the layers ask for nothing but the tag.
    static func beginReferences(of manifest: Digest, _ cache: CacheAccess, _ forwarder: Forwarder) {
        guard mayAsk(forwarder.upstream) else { return }
        start(cache, forwarder) { renewal in try await renewal.askForReferences(of: manifest) }
    }

    private static func start(_ cache: CacheAccess, _ forwarder: Forwarder, _ work: @escaping (Renewal) async throws -> Void) {
        let (store, source) = (cache.store, cache.source)
        // The upstream itself: what a replica says does not count.
        let (upstream, worker, timeouts) = (forwarder.upstream, forwarder.registry.worker, forwarder.registry.timeouts)
        let record = forwarder.record.ofTask()
        // In the line for the registry, it takes no turns of the client's user.
        record.user = user
        worker.renewals.start { task in
            let registry = RegistryClient(
                upstream: upstream, worker: worker, timeouts: timeouts, record: record, requester: .task(task), alternative: .inUse,
                time: RetryPolicy.minAttempt)
            try? await work(Renewal(store: store, source: source, registry: registry))
        }
    }

    /// Where HEAD says nothing of blobs, a pull would fail all the same.
    private static func mayAsk(_ upstream: Upstream) -> Bool {
        upstream.hasBlobHead && upstream.circuit.isClosed && !upstream.isTokenFailing
    }

    /// One after the other: what is held of what the manifest refers to, and of what the manifests among that refer to.
    private func askForReferences(of manifest: Digest) async throws {
        var manifests = [manifest], found: Set = [manifest], left = Self.maxAsked
        while let next = manifests.popLast() {
            for reference in await heldReferences(of: next) where found.insert(reference.digest).inserted {
                guard left > 0, found.count <= Self.maxFound else { return }
                let isOld = store.claimRenewal(of: reference.digest, by: source)
                if isOld { left -= 1 }
                let isThere = isOld ? try await ask(reference.digest, isManifest: reference.isManifest) : true
                if reference.isManifest, isThere { manifests.append(reference.digest) }
            }
        }
    }

    private func heldReferences(of manifest: Digest) async -> [(digest: Digest, isManifest: Bool)] {
        guard let bytes = await bytes(of: manifest) else { return [] }
        let (store, source) = (store, source)
        return await offLoop {
            (ManifestReferences(bytes)?.all ?? []).filter { reference in
                store.head(reference.digest, from: source).map { ($0.mediaType != nil) == reference.isManifest } ?? false
            }
        }
    }

    /// nil: it cannot be read, or is too large to be kept in memory.
    private func bytes(of manifest: Digest) async -> [UInt8]? {
        guard let content = store.open(manifest, from: source).content else { return nil }
        _ = await content.wait(beyond: .max)
        return content.memory
    }

    /// - Returns: whether the repository has it.
    /// - Throws: no other request is to follow.
    private func ask(_ digest: Digest, isManifest: Bool) async throws -> Bool {
        guard Self.mayAsk(registry.upstream) else { throw Unavailable() }
        let since = store.removals(in: source)
        let target = Array("/v2/\(source.repository)/\(isManifest ? "manifests" : "blobs")/\(digest)".utf8)
        let response = try await registry.send(
            .head, target, as: isManifest ? .batchGetImage : .batchCheckLayerAvailability,
            accept: isManifest ? Self.manifestTypes : nil, upTo: 0)
        switch response.status {
        case 200: store.confirm(digest, for: source, since: since)
        case 404: store.forget(digest, for: source, isDeleted: false)
        case 403, 429, 500...: throw Unavailable()
        default: break
        }
        return response.status == 200
    }
}
