import HTTP

/// Serves lists page by page (ECR 1.3).
struct RegistryLists {
    private let account: Account
    private let format: RegistryFormat
    private var quirks: Quirks { account.quirks }

    init(account: Account) { (self.account, format) = (account, RegistryFormat(account: account)) }

    private static let defaultPageSize = 100, maxPageSize = 1000

    func tags(of repository: Repository, _ exchange: Exchange) async throws {
        struct Tags: Encodable { var name: String, tags: [String] }
        // ECR's order is not lexical, so neither is this.
        let tags = repository.tags.keys.sorted { ContentDigest.of(Array($0.utf8)).hex < ContentDigest.of(Array($1.utf8)).hex }
        let page = try page(of: tags, exchange)
        try await exchange.respond(
            200, type: quirks[.tagsTextPlain] ? "text/plain; charset=utf-8" : "application/json; charset=utf-8",
            fields: format.common(exchange) + link(page.next, "/v2/\(repository.name)/tags/list", exchange),
            json: Tags(name: repository.name, tags: Array(page.elements)))
    }

    func catalog(_ exchange: Exchange) async throws {
        struct Catalog: Encodable { var repositories: [String] }
        let page = try page(of: account.repositories.all.map(\.name), exchange)
        try await exchange.respond(
            200, type: quirks[.tagsTextPlain] ? "text/plain; charset=utf-8" : "application/json; charset=utf-8",
            fields: format.common(exchange) + link(page.next, "/v2/_catalog", exchange),
            json: Catalog(repositories: Array(page.elements)))
    }

    /// Distribution spec, "Listing referrers". Without pages, as a sandbox's images have few referrers.
    func referrers(of repository: Repository, _ digest: String, _ exchange: Exchange) async throws {
        struct Descriptor: Encodable {
            var mediaType: String, digest: ContentDigest, size: Int
            var artifactType: String?, annotations: [String: String]?
        }
        struct Index: Encodable {
            var schemaVersion = 2
            var mediaType = "application/vnd.oci.image.index.v1+json"
            var manifests: [Descriptor]
        }
        guard quirks[.referrers] else { throw UnknownRoute() }
        let subject = try format.digest(digest, parameter: "subjectDigest")
        let wanted = exchange.query["artifactType"]
        let manifests = repository.manifests.filter { $1.subject == subject && (wanted == nil || $1.artifactType == wanted) }
            .map {
                Descriptor(
                    mediaType: $1.mediaType, digest: $0, size: $1.size, artifactType: $1.artifactType, annotations: $1.annotations)
            }
            .sorted { $0.digest.hex < $1.digest.hex }
        let index = Index(manifests: manifests)
        try await exchange.respond(
            200, type: index.mediaType,
            fields: format.common(exchange) + (wanted == nil ? [] : [("OCI-Filters-Applied", "artifactType")]),
            json: index)
    }

    private func page(of all: [String], _ exchange: Exchange) throws -> Page<String> {
        var limit = Self.defaultPageSize
        if let wanted = exchange.query["n"] {
            guard let count = Int(wanted), count >= 1 else {
                throw RegistryErrorResponse.invalidParameter(
                    "maxResults", "Member must have value greater than or equal to 1", account: account)
            }
            guard count <= Self.maxPageSize else {
                throw RegistryErrorResponse.invalidParameter(
                    "maxResults", "Member must have value less than or equal to \(Self.maxPageSize)", account: account)
            }
            limit = count
        }
        var last: String?
        if let token = exchange.query["last"] {
            last = account.last(in: token)
            if last == nil {
                throw RegistryErrorResponse.invalidParameter("NextToken", "Invalid next token provided", account: account)
            }
        }
        return Page(of: all, key: { $0 }, after: last, limit: limit)
    }

    private func link(_ next: String?, _ path: String, _ exchange: Exchange) -> [(String, String)] {
        guard let next else { return [] }
        let size = exchange.query["n"].map { "&n=\($0)" } ?? ""
        let target = "\(path)?last=\(account.pageToken(after: next))\(size)"
        return [("Link", "<\(format.url(target, exchange, absolute: quirks[.absoluteLink]))>; rel=\"next\"")]
    }
}
