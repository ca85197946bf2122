import Access
import Configuration
import AWS
import HTTP
import HTTPServer
import Registry
import Transport

/// One attempt: the request goes out, and what comes back says whether another is worth it.
extension Forwarding {
    /// In every case the connection has been given back or closed: who goes on has no part in it any more.
    enum Outcome {
        /// The client has its answer.
        case answered
        /// The same request again: what stood in its way has been dealt with.
        case again
        /// The token is no longer good.
        case tokenRefused(TokenRefusal.Reason)
        /// The blob is elsewhere.
        case redirect(Redirect, Digest)
        /// The upstream's error, its body whole.
        case failed(status: Int, body: [UInt8], retryAfter: Int?)
    }

    func attempt(on upstream: UpstreamConnection, token: AuthorizationToken) async throws -> Outcome {
        try await send(on: upstream, token: token)
        do {
            try await upstream.readHead(toHead: isToHead, scratch: scratch, timeout: site.timeouts.response)
        } catch { throw RelayError(side: .upstream, cause: error) }

        let (reason, body) = try await judge(upstream, token)
        if let reason {
            await dispose(upstream)
            return .tokenRefused(reason)
        }
        bench.tokenServed(route.upstream)
        if upstream.head.status == 404, let creation, try await create(by: creation) {
            await dispose(upstream)
            return .again
        }
        if let redirect = try redirect(upstream.head) {
            await dispose(upstream)
            return redirect
        }
        if isProbe, [200, 206, 416].contains(upstream.head.status), case .blob(_, let digest) = call.endpoint {
            try await BlobProbe(exchange: exchange, digest: digest, site: site).tell(by: upstream)
            return .answered
        }
        if isProbe || upstream.head.status >= 400 && request.method != .head {
            let (status, retryAfter) = (upstream.head.status, upstream.retryAfter)
            return .failed(status: status, body: try await errorBody(of: upstream, collected: body), retryAfter: retryAfter)
        }
        try await pass(upstream, body: try await manifestToName(upstream, body: body))
        return .answered
    }

    // MARK: What is sent

    /// The request, its body included. Ends early, without an error, when the upstream answers before it has all.
    private func send(on upstream: UpstreamConnection, token: AuthorizationToken) async throws {
        var bytes = bench.takeHeadBuffer()
        defer { bench.returnHeadBuffer(&bytes) }
        bytes.removeAll(keepingCapacity: true)
        let isChunked = !isWhole && request.head.framing == .chunked
        let length: Int? =
            switch request.head.framing {
            case .length(let count): count
            case .chunked: isWhole ? kept?.count ?? 0 : nil
            case .none, .untilClose: 0
            }
        let mount = site.router.mountSource(of: call, at: exchange.place(of: call), in: route.upstream)
        let target = session ?? route.target(of: call, asSent: request.head.target, mount: mount)
        let upstreamRequest = UpstreamRequest(
            head: request.head, method: session == nil ? nil : .put, origin: route.upstream.origin, target: target,
            isProbe: isProbe, owed: delivery?.owed,
            isPlaceless: (chunkRange?.offsets.count ?? 0) > UploadState.maxRangedChunk)
        upstreamRequest.registryHead(into: &bytes, token: token.fieldValue, length: length)
        payload = kept?.count ?? 0
        if let kept, !kept.isEmpty {
            if isChunked { bytes.appendChunkSize(kept.count) }
            bytes += kept
            if isChunked { bytes.append("\r\n") }
        }
        do {
            try await upstream.stream.write(bytes, timeout: site.timeouts.stall)
        } catch { throw RelayError(side: .upstream, cause: error) }
        if isWhole {
            upstream.requestIsWhole()
            return
        }
        // Only now: connected, and the token good (design section 3, step 7).
        do { try await request.sendContinue() } catch { throw RelayError(side: .client, cause: error) }
        if kept != nil, (kept?.count ?? 0) > Relay.maxKept { kept = nil }
        _ = try await relay.body(
            to: upstream, chunked: isChunked, kept: &kept, payload: &payload)
    }

    // MARK: A repository that is missing

    /// How the repository that this push misses is made; nil when it is not to be, or has been.
    var creation: Upstream.Creation? {
        guard call.operation == .uploadStart || call.operation == .manifestPut, canReplay || isMonolithic, !hasCreated,
            let creation = route.upstream.creation,
            let repository = route.upstreamRepository, creation.match.contains(where: { $0.matches(repository.bytes) })
        else { return nil }
        return creation
    }

    /// true: it is there now. false: it could not be made, and the upstream's own answer says what the client needs to know.
    func create(by creation: Upstream.Creation) async throws -> Bool {
        hasCreated = true
        do throws(AWSError) {
            try await creation.creator.create(route.upstreamRepository?.description ?? "")
        } catch {
            exchange.record.reason = "\(error)"
            return false
        }
        replayed(.repositoryCreated)
        return true
    }
}
