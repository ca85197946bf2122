import HTTP

/// Blobs, downwards (ECR 1.4).
extension RegistryService {
    /// Whatever the blob is.
    private static let blobType = "application/vnd.docker.container.image.v1+json"

    func headBlob(in repository: Repository, _ digest: String, _ exchange: Exchange) async throws {
        let digest = try self.digest(digest, parameter: "layerDigests")
        guard repository.has(layer: digest), let size = account.blobs.size(of: digest) else {
            throw unknown(digest, in: repository)
        }
        // The body is left out by the server: this is HEAD.
        try await exchange.begin(
            200, fields: common(exchange) + [("Content-Type", Self.blobType), ("Docker-Content-Digest", "\(digest)")], length: size)
        try await exchange.end()
    }

    func getBlob(in repository: Repository, _ digest: String, _ exchange: Exchange) async throws {
        let digest = try self.digest(digest, parameter: "layerDigest")
        guard repository.has(layer: digest), let size = account.blobs.size(of: digest) else {
            throw unknown(digest, in: repository)
        }
        guard !quirks[.unreferencedBlobHidden] || repository.refers(to: digest) else {
            throw RegistryRefusal(
                status: 404, code: "BLOB_UNKNOWN",
                message:
                    "The layer with digest '\(digest)' is not referenced by an image in the repository with name '\(repository.name)'"
            )
        }
        if quirks[.blobRedirect] {
            let path = LayerBucket.path(of: digest, account: account)
            let url = account.urls.url(host: account.bucketHost, path: path, now: account.clock.seconds)
            return try await exchange.respond(
                307, fields: common(exchange) + [("Location", url), ("Content-Type", "text/plain; charset=utf-8")])
        }
        let fields = [
            ("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", "\(digest)"), ("Accept-Ranges", "bytes"),
        ]
        guard try await account.blobs.open(digest).sendWhatIsAsked(of: size, fields: common(exchange) + fields, to: exchange) else {
            throw RegistryRefusal(status: 416, code: "UNSUPPORTED", message: "The requested range is not satisfiable")
        }
    }

    private func unknown(_ digest: ContentDigest, in repository: Repository) -> RegistryRefusal {
        RegistryRefusal(
            status: 404, code: "BLOB_UNKNOWN",
            message: "The layer with digest '\(digest)' does not exist in the repository with name '\(repository.name)'")
    }
}

extension File {
    /// The whole, or the range that is asked for. false: there is no such range, and nothing has been answered.
    func sendWhatIsAsked(of size: Int, fields: [(String, String)], to exchange: Exchange) async throws -> Bool {
        switch ByteRange(exchange.field("Range"), of: size) {
        case .whole:
            try await exchange.begin(200, fields: fields, length: size)
            try await send(0..<size, to: exchange)
        case .part(let range):
            let place = ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            try await exchange.begin(206, fields: fields + [place], length: range.count)
            try await send(range, to: exchange)
        case .unsatisfiable: return false
        }
        return true
    }

    /// A range of its bytes as the answer's body, a piece at a time.
    func send(_ range: Range<Int>, to exchange: Exchange) async throws {
        var at = range.lowerBound
        while at < range.upperBound {
            let piece = try read(at: at, count: min(Exchange.pieceBytes, range.upperBound - at))
            guard !piece.isEmpty else { try exchange.drop() }
            try await exchange.send(piece)
            at += piece.count
        }
        try await exchange.end()
    }
}
