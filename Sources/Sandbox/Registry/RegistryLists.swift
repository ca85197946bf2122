import HTTP

/// Lists, page by page (ECR 1.3).
extension RegistryService {
    private static let pageDefault = 100, pageMost = 1000

    func listTags(of repository: Repository, _ exchange: Exchange) async throws {
        struct Tags: Encodable { var name: String, tags: [String] }
        // ECR's order is not lexical, and a client must not think so.
        let tags = repository.tags.keys.sorted { ContentDigest.of(Array($0.utf8)).hex < ContentDigest.of(Array($1.utf8)).hex }
        let page = try page(of: tags, exchange)
        try await exchange.respond(
            200, type: quirks[.tagsTextPlain] ? "text/plain; charset=utf-8" : "application/json; charset=utf-8",
            fields: common(exchange) + link(page.next, "/v2/\(repository.name)/tags/list", exchange),
            json: Tags(name: repository.name, tags: Array(page.elements)))
    }

    func listRepositories(_ exchange: Exchange) async throws {
        struct Catalog: Encodable { var repositories: [String] }
        let page = try page(of: account.repositories.all.map(\.name), exchange)
        try await exchange.respond(
            200, type: quirks[.tagsTextPlain] ? "text/plain; charset=utf-8" : "application/json; charset=utf-8",
            fields: common(exchange) + link(page.next, "/v2/_catalog", exchange), json: Catalog(repositories: Array(page.elements)))
    }

    /// Distribution spec, "Listing referrers". Paging is not played: a sandbox's images have few.
    func listReferrers(of repository: Repository, _ digest: String, _ exchange: Exchange) async throws {
        struct Descriptor: Encodable {
            var mediaType: String, digest: ContentDigest, size: Int
            var artifactType: String?, annotations: [String: String]?
        }
        struct Index: Encodable {
            var schemaVersion = 2
            var mediaType = "application/vnd.oci.image.index.v1+json"
            var manifests: [Descriptor]
        }
        guard quirks[.referrers] else { throw RouteUnknown() }
        let subject = try self.digest(digest, parameter: "subjectDigest")
        let wanted = exchange.query["artifactType"]
        let manifests = repository.manifests.filter { $1.subject == subject && (wanted == nil || $1.artifactType == wanted) }
            .map {
                Descriptor(
                    mediaType: $1.mediaType, digest: $0, size: $1.size, artifactType: $1.artifactType, annotations: $1.annotations)
            }
            .sorted { $0.digest.hex < $1.digest.hex }
        let index = Index(manifests: manifests)
        try await exchange.respond(
            200, type: index.mediaType, fields: common(exchange) + (wanted == nil ? [] : [("OCI-Filters-Applied", "artifactType")]),
            json: index)
    }

    private func page(of all: [String], _ exchange: Exchange) throws -> Page<String> {
        var most = Self.pageDefault
        if let wanted = exchange.query["n"] {
            guard let count = Int(wanted), count >= 1 else {
                throw RegistryRefusal.invalidParameter(
                    "maxResults", "Member must have value greater than or equal to 1", account: account)
            }
            guard count <= Self.pageMost else {
                throw RegistryRefusal.invalidParameter(
                    "maxResults", "Member must have value less than or equal to \(Self.pageMost)", account: account)
            }
            most = count
        }
        var last: String?
        if let token = exchange.query["last"] {
            last = account.last(in: token)
            if last == nil { throw RegistryRefusal.invalidParameter("NextToken", "Invalid next token provided", account: account) }
        }
        return Page(of: all, key: { $0 }, after: last, most: most)
    }

    private func link(_ next: String?, _ path: String, _ exchange: Exchange) -> [(String, String)] {
        guard let next else { return [] }
        let size = exchange.query["n"].map { "&n=\($0)" } ?? ""
        let target = "\(path)?last=\(account.pageToken(after: next))\(size)"
        return [("Link", "<\(url(target, exchange, absolute: quirks[.absoluteLink]))>; rel=\"next\"")]
    }
}
