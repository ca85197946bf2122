import Cache
import HTTP
import Registry

/// What the cache has of the manifest that a request is for, and what it learns from the responses of the registry.
struct CachedManifest {
    let cache: CacheAccess
    let forwarder: Forwarder
    let reference: Reference
    /// What registries are asked by HEAD now.
    let questions: SharedReads

    private var isGet: Bool { forwarder.request.operation == .manifestGet }
    private var response: ContentResponse { ContentResponse(cache, forwarder.writer) }

    // MARK: Reading

    /// Serves the manifest from the cache. false: the registry is to be asked.
    func serve() async throws -> Bool {
        forwarder.record.cache = isGet ? .miss : nil
        if try await serveHeld() { return true }
        try await cache.check(forwarder)
        // A registry that does not answer is not waited for as long as one that nothing can replace.
        if hasStale { forwarder.registry.alternative = .inUse }
        guard case .tag(let tag) = reference, isGet else { return false }
        return try await serve(tag)
    }

    private func serveHeld() async throws -> Bool {
        switch (reference, isGet) {
        case (.digest(let digest), true): return try await serve(digest)
        case (.digest(let digest), false):
            guard !cache.mayPush,
                let held = try await response.sendHead(of: digest, nil, isBlob: false, as: .hit, accepted: Accepted(forwarder.head))
            else { return false }
            if held.isOld { Renewal.begin(digest, isManifest: true, cache, forwarder) }
            return true
        case (.tag, _): return false
        }
    }

    private func serve(_ digest: Digest) async throws -> Bool {
        switch cache.open(digest) {
        case .held(let content, let isOld):
            guard try await send(content) else { return false }
            if isOld { Renewal.begin(digest, isManifest: true, cache, forwarder) }
            return true
        case .unconfirmed(let content):
            try await cache.check(forwarder)
            guard try await ask() == digest else { return false }
            return try await send(content)
        case .absent: return false
        }
    }

    /// The registry says what the tag leads to now: with HEAD, if that may be what is held.
    private func serve(_ tag: Tag) async throws -> Bool {
        guard let known = cache.store.digest(of: tag, in: cache.source), isHeld(known) else { return false }
        guard let digest = try await ask() else { return false }
        // The registry may convert a manifest to a type that the client takes (ECR 1.3), and then names another digest, as a rule.
        guard let content = cache.open(digest).content else { return false }
        return try await send(content)
    }

    /// `StaleContent` can serve the request.
    private var hasStale: Bool {
        let digest: Digest? =
            switch reference {
            case .digest(let digest): isGet ? nil : digest
            case .tag(let tag): cache.store.digest(of: tag, in: cache.source)
            }
        return digest.flatMap { cache.store.head($0, from: cache.source) }?.isConfirmed == true
    }

    private func isHeld(_ digest: Digest) -> Bool { cache.open(digest).content != nil }

    /// The digest that the registry names, which the repository has then. nil: it names none, or the client's own request is answered with the error.
    /// - Throws: the registry's error, where it cannot serve now.
    private func ask() async throws -> Digest? {
        let response = try await sharedHead(), head = response.head
        note(head)
        guard head.status < 500, head.status != 429 else {
            throw forwarder.error(UpstreamError(status: head.status, body: [], retryAfter: response.retryAfter))
        }
        guard head.status == 200 else { return nil }
        return head.value(of: .dockerContentDigest).flatMap { Digest($0) }
    }

    /// One request for all that ask the same at the same time.
    private func sharedHead() async throws -> SharedResponse {
        switch questions.join(forwarder) {
        case .leads(let place):
            var shared: SharedResponse?
            defer { for read in questions.end(place: place) { read.end(with: shared) } }
            let response = try await head()
            shared = response
            return response
        case .follows(let read):
            // The time goes on: whoever waits for a registry that is away gets what was last known.
            if let response = try await read.wait(for: forwarder.policy.left(at: .now)) {
                forwarder.record.upstreamStatus = response.head.status
                cache.follow(response.since)
                return response
            }
        case .alone: break
        }
        return try await head()
    }

    private func head() async throws -> SharedResponse {
        let response = try await forwarder.send(RequestHead(forwarder.head, method: .head, target: forwarder.target))
        return SharedResponse(response.lease.connection, body: nil, since: cache.since)
    }

    private func send(_ content: CachedContent) async throws -> Bool {
        // Of a manifest the size is known at once. This may be any blob, and another registry may hang.
        let phase = content.progress.phase
        guard phase != .announced else { return false }
        // The type is known once the content is announced no more.
        guard let prepared = try await response.prepare(content, nil), Accepted(forwarder.head).takes(content.mediaType) else {
            return false
        }
        try await response.send(prepared, as: content.result(in: phase))
        return true
    }

    // MARK: Learning

    /// What a response of the registry says of the tag and the digest.
    private func note(_ head: Head, _ named: Digest? = nil) {
        // A replica's word does not count: it may lag, and keeps what was deleted.
        guard forwarder.isAtUpstream else { return }
        switch (head.status, reference) {
        case (200, .digest(let digest)): confirm(digest)
        case (200, .tag(let tag)):
            guard let digest = named ?? head.value(of: .dockerContentDigest).flatMap({ Digest($0) }) else { return }
            cache.store.setTag(tag, in: cache.source, to: digest, since: cache.since)
            confirm(digest)
        case (404, .digest(let digest)): cache.forget(digest)
        case (404, .tag(let tag)): cache.store.forgetTag(tag, in: cache.source, isDeleted: false)
        default: break
        }
    }

    private func confirm(_ digest: Digest) {
        if cache.confirm(digest) { Renewal.beginReferences(of: digest, cache, forwarder) }
    }

    /// Keeps a manifest that the registry has sent. Its bytes are written while the client gets them.
    /// - Parameters:
    ///   - body: nil: it has not come whole yet, and is not kept.
    ///   - digest: as it was computed; nil: the response or the request says it.
    /// - Throws: 502: these are not the bytes of the digest.
    func keep(_ head: Head, body: [UInt8]?, _ computed: [UInt8]?) throws {
        var digest: Digest? = if case .digest(let named) = reference { named } else { nil }
        digest = digest ?? (computed ?? head.value(of: .dockerContentDigest).map(Array.init)).flatMap { Digest($0) }
        let body = isGet && head.status == 200 && !head.isEncoded ? body : nil
        if let body, let digest, !cache.store.accepts(body, of: digest) {
            throw ErrorResponse.badGateway("The registry, or something on the way, sent other bytes than those of \(digest).")
        }
        note(head, digest)
        guard let body, let digest, let type = head.value(of: .contentType) else { return }
        switch cache.claim(digest, for: forwarder) {
        case .fill(let fill):
            guard fill.begin(size: body.count, mediaType: String(decoding: type, as: UTF8.self)) else { return }
            forwarder.registry.worker.tasks.start { _ in await Self.write(body, into: fill) }
        // Somebody has pushed the manifest as a blob too, and pulled that first: the next read keeps it as what it is.
        case .found(let lookup):
            guard let content = lookup.content, content.mediaType == nil, content.progress.phase == .whole else { return }
            cache.store.drop(content)
        case .declined: break
        }
    }

    private static func write(_ body: [UInt8], into fill: Fill) async {
        var rest = body[...]
        while !rest.isEmpty {
            guard let buffer = await fill.buffer() else { return }
            let count = min(rest.count, FillBuffer.capacity)
            rest.prefix(count).withUnsafeBytes { buffer.memory.copyMemory(from: $0) }
            buffer.count = count
            fill.append(buffer)
            rest = rest.dropFirst(count)
        }
        _ = await fill.finish()
    }

    // MARK: Changes

    /// A push has made the tag lead here.
    func pushed(_ digest: [UInt8]) {
        guard case .tag(let tag) = reference, let digest = Digest(digest) else { return }
        cache.store.setTag(tag, in: cache.source, to: digest)
    }

    /// The tag may lead elsewhere now, or nowhere.
    func forgetTag() {
        guard case .tag(let tag) = reference else { return }
        cache.store.forgetTag(tag, in: cache.source, isDeleted: true)
    }

    /// The image that a deletion is for, to be asked before: with its last tag an image goes too (ECR 1.3), which nobody may have pulled by this tag.
    /// - Returns: nil: there is none, or it is not known.
    func namedImage() async -> Digest? {
        switch reference {
        case .digest(let digest): return digest
        case .tag(let tag):
            let found = try? await forwarder.registry.send(.head, Array(forwarder.target), as: .batchGetImage, upTo: 0)
            if let found, found.status == 404 { return nil }
            let named = found.flatMap { $0.status == 200 ? $0.digest : nil }.flatMap { Digest($0) }
            return named ?? cache.store.digest(of: tag, in: cache.source)
        }
    }

    /// The registry has deleted it, or may have: whether it still has it is asked anew.
    /// - Parameter image: as `namedImage` said before.
    func deleted(_ image: Digest?) {
        if let image { cache.forget(image, isDeleted: true) }
        forgetTag()
    }
}
