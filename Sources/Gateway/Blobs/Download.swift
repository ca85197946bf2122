import Configuration
import HTTP
import HTTPServer
import Registry
import Transport

/// A blob from where the registry's redirect leads, to the client: never with a credential, never showing the URL.
struct Download {
    private let exchange: Exchange
    private let digest: Digest
    private let site: Site
    private let delivery: BlobDelivery
    /// The client has asked with HEAD, and the first byte tells what to answer.
    private let isProbe: Bool

    init(_ exchange: Exchange, digest: Digest, site: Site, delivery: BlobDelivery, isProbe: Bool) {
        (self.exchange, self.digest, self.site, self.delivery, self.isProbe) = (exchange, digest, site, delivery, isProbe)
    }

    private var request: Request { exchange.request }
    private var bench: Bench { exchange.bench }
    private var scratch: UnsafeMutableRawBufferPointer { request.connection.scratch }
    private var relay: Relay { Relay(request: request, stallTimeout: site.timeouts.stall) }

    /// A new URL is asked for this often: the first may have been about to expire, and so may one when a long transfer breaks.
    private static let maxRenewals = 3

    /// true: the client has its answer. false: the URL has expired or was refused, and the registry may give a new one.
    /// - Throws: `RelayError` of the upstream's side when the storage breaks off; `delivery` knows how far it had come.
    func run(from first: Redirect) async throws -> Bool {
        var redirect = first
        for _ in 0..<Redirect.maxHops {
            let upstream = try await fetch(redirect)
            do {
                if let next = try await answer(from: upstream) {
                    bench.pool.put(upstream)
                    redirect = next
                    continue
                }
                return true
            } catch {
                upstream.stream.close()
                if error is ExpiredURL { return false }
                throw error
            }
        }
        throw Refusal(.unavailable, "The blob's storage redirects in a circle.", status: 502)
    }

    private struct ExpiredURL: Error {}

    /// Sends the request and reads the answer's head; once more on a new connection when an idle one proves closed.
    private func fetch(_ redirect: Redirect) async throws -> UpstreamConnection {
        var bytes = bench.takeHeadBuffer()
        defer { bench.returnHeadBuffer(&bytes) }
        bytes.removeAll(keepingCapacity: true)
        UpstreamRequest(
            head: request.head, origin: redirect.origin, target: redirect.target, isProbe: isProbe, owed: delivery.owed
        ).redirectedHead(into: &bytes)
        var fresh = false
        while true {
            let upstream: UpstreamConnection
            do {
                upstream = try await bench.pool.take(
                    redirect.origin, timeouts: site.timeouts, waiter: request.connection.stream.waiter, fresh: fresh)
            } catch let error as TransportError {
                guard error.kind != .cancelled else { throw RelayError(side: .client, cause: error) }
                exchange.record.end = "storage_unreachable"
                exchange.record.reason = "\(error)"
                throw Refusal(
                    .unavailable, "The blob's storage cannot be reached.", status: error.kind == .timedOut ? 504 : 502,
                    retryAfter: 5)
            }
            upstream.begin()
            do {
                try await upstream.stream.write(bytes, timeout: site.timeouts.stall)
                upstream.requestIsWhole()
                try await upstream.readHead(toHead: false, scratch: scratch, timeout: site.timeouts.response)
                return upstream
            } catch {
                upstream.stream.close()
                guard upstream.isReused, !upstream.hasAnswered, (error as? TransportError)?.kind != .timedOut else {
                    throw RelayError(side: .upstream, cause: error)
                }
                fresh = true
            }
        }
    }

    /// nil: the client has its answer. A redirect: the bytes are one hop further.
    private func answer(from upstream: UpstreamConnection) async throws -> Redirect? {
        let head = upstream.head
        switch head.status {
        case 200 where isProbe, 206 where isProbe, 416 where isProbe:
            try await BlobProbe(exchange: exchange, digest: digest, site: site).tell(by: upstream)
            return nil
        case 301, 302, 303, 307, 308: return try await nextHop(upstream)
        // ECR 1.4: an expired URL is 403 AccessDenied, or 400 ExpiredToken when the registry's own session ended first.
        case 400 where exchange.record.renewedURLs < Self.maxRenewals,
            403 where exchange.record.renewedURLs < Self.maxRenewals:
            exchange.record.renewedURLs += 1
            throw ExpiredURL()
        case _ where exchange.hasAnswered: try await resume(from: upstream)
        case 200, 206, 304: try await pass(upstream)
        case 404: throw Refusal(.blobUnknown, "The blob's storage does not have it.")
        case 412: throw Refusal(.unsupported, "The blob is not the one that the request's condition names.", status: 412)
        case 416:
            throw Refusal(
                RegistryError(.sizeInvalid, "The range asked for is outside of the blob.", status: 416),
                others: try await size(upstream))
        case 503, 500: throw Refusal(.unavailable, "The blob's storage is busy; try again.", status: 503, retryAfter: 1)
        default: throw Refusal(.unavailable, "The blob's storage refused the request with status \(head.status).", status: 502)
        }
        return nil
    }

    private func nextHop(_ upstream: UpstreamConnection) async throws -> Redirect {
        guard let location = upstream.head.value(of: .location), let registry = exchange.record.upstream,
            case let next = try exchange.follow(location, of: registry, site),
            try await upstream.collect(upTo: TokenRefusal.maxBody, scratch: scratch, timeout: site.timeouts.stall) != nil
        else { throw Refusal(.unavailable, "The blob's storage redirects nowhere.", status: 502) }
        return next
    }

    /// `Content-Range` of a 416, which S3 leaves out: its XML has the size.
    private func size(_ upstream: UpstreamConnection) async throws -> [(String, String)] {
        if let field = upstream.head.value(of: .contentRange) { return [("Content-Range", String(decoding: field, as: UTF8.self))] }
        let body = try await upstream.collect(upTo: TokenRefusal.maxBody, scratch: scratch, timeout: site.timeouts.stall) ?? []
        return String(decoding: body, as: UTF8.self).firstMatch(of: /<ActualObjectSize>([0-9]+)</).map {
            [("Content-Range", "bytes */\($0.1)")]
        } ?? []
    }

    /// The client's answer, head and body.
    private func pass(_ upstream: UpstreamConnection) async throws {
        let framing = ResponseFraming(upstream.head, status: upstream.head.status, toVersion11: request.head.isVersion11)
        if framing.endsConnection { request.closeAfterResponse() }
        exchange.record.status = upstream.head.status
        var bytes = bench.takeHeadBuffer()
        bytes.removeAll(keepingCapacity: true)
        ClientAnswer(
            head: upstream.head, status: upstream.head.status, body: framing.body, requestID: exchange.record.requestID,
            date: request.connection.stream.loop.date.now(), connectionField: request.connectionField()
        ).redirectedHead(into: &bytes, digest: digest.bytes)
        let head = bytes.count
        try relay.appendReady(from: upstream, chunked: framing.isChunked, to: &bytes)
        let ready = bytes.count - head
        delivery.promise(by: upstream.head)
        exchange.hasAnswered = true
        do {
            // Not held while the body goes out, which may take hours.
            defer { bench.returnHeadBuffer(&bytes) }
            try await relay.write(bytes, to: request.connection.stream, .client)
        }
        delivery.deliver(ready)
        try await rest(of: upstream, chunked: framing.isChunked)
    }

    /// Nothing but the bytes that are owed.
    private func resume(from upstream: UpstreamConnection) async throws {
        guard delivery.isResumed(by: upstream.head) else {
            let reason = "the blob's storage answered the rest of a broken transfer with status \(upstream.head.status)"
            throw RelayError(side: .upstream, cause: TransportError(.closed, call: "resume", reason: reason))
        }
        try await rest(of: upstream, chunked: false)
    }

    private func rest(of upstream: UpstreamConnection, chunked: Bool) async throws {
        let client = request.connection.stream, before = client.sent
        defer { delivery.deliver(client.sent - before) }
        if !upstream.isBodyDone { try await relay.answer(from: upstream, chunked: chunked) }
        bench.pool.put(upstream)
    }
}
