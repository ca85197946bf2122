import Configuration
import HTTP
import Registry

/// Where the registry's redirect of a blob leads. It never gets a credential, and the client never sees the URL.
struct BlobStorage {
    let registry: RegistryClient
    let connectTo: ConnectTo

    /// The response of the storage, redirects followed.
    func open(_ first: BlobLocation, _ requestHead: RequestHead) async throws -> Lease {
        var location = first
        for _ in 0..<BlobLocation.maxHops {
            let lease = try await fetch(location, requestHead)
            guard Self.isRedirect(lease.connection.head.status) else { return lease }
            location = try await next(lease.connection)
        }
        throw ErrorResponse.badGateway("The blob's storage redirects in a circle.")
    }

    static func isRedirect(_ status: Int) -> Bool { [301, 302, 303, 307, 308].contains(status) }

    /// An expired URL gets 403 AccessDenied, or 400 ExpiredToken when the registry's own session ended first (ECR 1.4).
    static func isURLRejected(_ status: Int) -> Bool { status == 400 || status == 403 }

    /// Sends the request and reads the response's head; once more on a new connection when an idle one turns out to be closed.
    private func fetch(_ location: BlobLocation, _ requestHead: RequestHead) async throws -> Lease {
        let head = RequestHead(requestHead.head, method: requestHead.method, target: location.target, range: requestHead.range)
        let output = registry.output
        var policy = RetryPolicy()
        while true {
            let lease = try await registry.connect(toStorage: location.origin, isNew: policy.needsNewConnection)
            let connection = lease.connection
            do {
                head.writeStorageHead(into: output, to: location.origin)
                if let rest = try connection.begin(output) { try await connection.write(rest, timeout: registry.timeouts.stall) }
                connection.finishRequest()
                try await connection.readHead(toHead: false, scratch: registry.scratch, timeout: registry.timeouts.response)
                return lease
            } catch let failure as ConnectionFailure {
                guard policy.next(after: connection.event(of: failure)) != .fail else { throw failure }
            }
        }
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
        case 500, 503: ErrorResponse(.unavailable, "The blob's storage is busy; try again.", status: 503, retryAfter: 1)
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
