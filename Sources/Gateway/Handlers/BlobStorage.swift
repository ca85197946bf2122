import Configuration
import HTTP
import Registry

/// Where the registry's redirect of a blob leads. It never gets a credential, and the client never sees the URL.
struct BlobStorage {
    let registry: RegistryClient
    let connectTo: ConnectTo

    /// A request follows.
    /// - Throws: while the storage fails, if another registry has one of its own.
    func checkMayBeAsked() throws(ErrorResponse) {
        guard registry.alternative == .inUse, !registry.upstream.storageCircuit.mayTry() else { return }
        throw ErrorResponse(.unavailable, "The blob's storage is failing; try again later.", retryAfter: 5)
    }

    /// Where a redirect leads; nil: the response is none.
    /// - Throws: `ErrorResponse` for a redirect that is not followed.
    func location(_ response: borrowing UpstreamResponse) throws -> BlobLocation? {
        guard BlobStorage.isRedirect(response.status), let field = response.head.value(of: .location) else {
            try BlobLocation.rejectRedirect(response.head, registry.record)
            return nil
        }
        return try BlobLocation(field, of: registry.upstream, connectTo: connectTo, record: registry.record)
    }

    /// The response of the storage, redirects followed.
    /// - Parameter start: when the time for all attempts began.
    func open(_ first: BlobLocation, _ requestHead: RequestHead, from start: ContinuousClock.Instant) async throws -> Lease {
        var location = first
        for _ in 0..<BlobLocation.maxHops {
            let lease = try await fetch(location, requestHead, from: start)
            guard Self.isRedirect(lease.connection.head.status) else { return lease }
            location = try await next(lease.connection)
        }
        throw ErrorResponse.badGateway("The blob's storage redirects in a circle.")
    }

    static func isRedirect(_ status: Int) -> Bool { [301, 302, 303, 307, 308].contains(status) }

    /// An expired URL gets 403 AccessDenied, or 400 ExpiredToken when the registry's own session ended first (ECR 1.4).
    static func isURLRejected(_ status: Int) -> Bool { status == 400 || status == 403 }

    /// Sends the request, and again where the policy says so, and reads the response's head.
    private func fetch(_ location: BlobLocation, _ requestHead: RequestHead, from start: ContinuousClock.Instant) async throws
        -> Lease
    {
        let head = RequestHead(requestHead.head, method: requestHead.method, target: location.target[...], range: requestHead.range)
        var policy = RetryPolicy(from: start)
        while true {
            let attempt = try await attempt(location, head, &policy)
            guard let response = try await registry.storageRetries.response(of: attempt, &policy) else { continue }
            if !response.lease.connection.isServerError { registry.upstream.storageCircuit.succeeded() }
            return response.lease
        }
    }

    private func attempt(_ location: BlobLocation, _ head: RequestHead, _ policy: inout RetryPolicy) async throws -> Attempt {
        let lease: Lease
        do { lease = try await registry.connect(toStorage: location.origin, policy) } catch let failure as ConnectionFailure {
            return .failed(try AttemptFault(connecting: failure), failure)
        }
        let connection = lease.connection
        do {
            head.writeStorageHead(into: registry.output, to: location.origin)
            let rest = try connection.begin(registry.output)
            if let pause = try await registry.storageRetries.awaitHead(of: connection, toHead: false, sending: rest, &policy) {
                return .again(after: pause)
            }
            return .response(UpstreamResponse(lease: lease, body: nil))
        } catch let failure as ConnectionFailure { return .failed(try connection.fault(failure), failure) }
    }

    private func next(_ connection: UpstreamConnection) async throws -> BlobLocation {
        guard let field = connection.head.value(of: .location) else {
            throw ErrorResponse.badGateway("The blob's storage redirects without an address.")
        }
        let location = try BlobLocation(field, of: registry.upstream, connectTo: connectTo, record: registry.record)
        await registry.discardBody(of: connection)
        return location
    }

    /// The error for a response without the blob.
    func error(_ connection: UpstreamConnection) async throws -> ErrorResponse {
        switch connection.head.status {
        case 404: ErrorResponse(.blobUnknown, "The blob's storage does not have it.")
        case 412:
            ErrorResponse(.unsupported, "The blob does not meet the request's condition.", status: 412)
        case 416: RangeNotSatisfiable.blob(try await contentRange(connection))
        case 429, 500...:
            ErrorResponse(
                .unavailable, "The blob's storage is busy; try again.", status: 503, retryAfter: connection.retryAfter ?? 1)
        default: .badGateway("The blob's storage rejected the request with status \(connection.head.status).")
        }
    }

    /// `Content-Range` of a 416, which S3 leaves out: its XML has the size.
    private func contentRange(_ connection: UpstreamConnection) async throws -> String? {
        if let field = connection.head.value(of: .contentRange) { return String(decoding: field, as: UTF8.self) }
        let body = try await connection.collect(
            upTo: TokenRejection.maxBody, scratch: registry.scratch, timeout: registry.timeouts.stall)
        return String(decoding: body ?? [], as: UTF8.self).firstMatch(of: /<ActualObjectSize>([0-9]+)</).map { "bytes */\($0.1)" }
    }
}
