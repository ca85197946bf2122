import HTTP

/// The S3 bucket that serves layers (ECR 1.4). It accepts only presigned GETs; errors are XML.
final class LayerBucket {
    private let account: Account

    init(account: Account) { self.account = account }

    /// `/<4hex>-<account>-<uuid>/<uuid>`, like ECR's. The two UUIDs are the digest's halves, so nothing has to be stored.
    static func path(of digest: ContentDigest, account: Account) -> String {
        "/\(digest.hex.prefix(4))-\(account.id)-\(UUIDText.grouped(digest.hex.prefix(32)))/\(UUIDText.grouped(digest.hex.suffix(32)))"
    }

    private func digest(of path: String) -> ContentDigest? {
        let hex = path.split(separator: "/").map { $0.filter { $0 != "-" } }
        guard hex.count == 2 else { return nil }
        let digest = ContentDigest("sha256:" + hex[0].suffix(32) + hex[1])
        return digest.flatMap { Self.path(of: $0, account: account) == path ? $0 : nil }
    }

    func respond(to exchange: Exchange) async throws {
        exchange.kind = "\(exchange.method.token)".lowercased()
        do {
            try check(exchange)
            guard let digest = digest(of: exchange.path), let size = account.blobs.size(of: digest) else {
                throw S3ErrorResponse(
                    404, "NoSuchKey", "The specified key does not exist.", [("Key", String(exchange.path.dropFirst()))])
            }
            account.counters.blobGets += 1
            try await send(digest, size, exchange)
        } catch let errorResponse as S3ErrorResponse {
            try await exchange.respond(
                errorResponse.status, fields: [("Content-Type", "application/xml"), server], body: errorResponse.body)
        }
    }

    private let server = ("Server", "AmazonS3")

    private func send(_ digest: ContentDigest, _ size: Int, _ exchange: Exchange) async throws {
        let file = try account.blobs.open(digest)
        let fields = [
            ("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes"), ("ETag", "\"\(digest.hex.prefix(32))\""),
            ("Last-Modified", Moment.http(0)), server,
        ]
        let tag = "\"\(digest.hex.prefix(32))\""
        if exchange.field("If-None-Match") == tag {
            return try await exchange.respond(304, fields: [("ETag", tag), server])
        }
        guard exchange.field("If-Match").map({ $0 == tag }) ?? true else {
            throw S3ErrorResponse(
                412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
                [("Condition", "If-Match")])
        }
        guard try await FileResponse(file: file, size: size).send(fields: fields, to: exchange) else {
            throw S3ErrorResponse(
                416, "InvalidRange", "The requested range is not satisfiable",
                [("RangeRequested", exchange.field("Range") ?? ""), ("ActualObjectSize", String(size))])
        }
    }

    private func check(_ exchange: Exchange) throws {
        if let authorization = exchange.field("Authorization") {
            throw S3ErrorResponse(
                400, "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the "
                    + "Authorization header should be specified",
                [("ArgumentName", "Authorization"), ("ArgumentValue", String(authorization.prefix { $0 != " " }))])
        }
        let now = account.clock.seconds
        let request = ReceivedRequest(
            method: "\(exchange.method.token)", path: exchange.path, query: exchange.rawQuery ?? "",
            fields: [("host", exchange.field("Host") ?? "")])
        do throws(PresignedURLs.Problem) { try account.urls.check(request, now: now) } catch {
            throw S3ErrorResponse(error, now: now, saysExpiredToken: account.quirks[.s3ExpiredToken])
        }
    }
}
