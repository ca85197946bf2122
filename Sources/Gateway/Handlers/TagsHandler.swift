import FoundationEssentials
import HTTP
import Registry

/// `/v2/<name>/tags/list`, in the specification's order and pages, made of the upstream's own list.
struct TagsHandler {
    private struct Tags: Codable { var name: String?, tags: [String]? }

    private let forwarder: Forwarder
    private let lists: RecentLists

    init(_ forwarder: Forwarder, lists: RecentLists) { (self.forwarder, self.lists) = (forwarder, lists) }

    func handle() async throws {
        let request = forwarder.request
        let page = ListPage(
            of: try await tags(), for: request, publicURL: forwarder.downstream.publicURL, isBefore: Self.isBefore)
        let list = Tags(name: forwarder.route.repository.description, tags: page.names)
        try await forwarder.writer.respond(200, fields: page.fields, body: try ListPage.encoded(list))
    }

    /// All tags, in order.
    private func tags() async throws -> [String] {
        let path = "/v2/\(forwarder.route.upstreamRepository)/tags/list", upstream = forwarder.route.upstream
        // For a client that goes through the pages, the upstream's list is not read anew each time.
        if forwarder.request.target.parameter("last") != nil, let known = lists.list(of: upstream, path) { return known }
        let found = try await UpstreamList(registry: forwarder.registry, path: path).names {
            (try? JSONDecoder().decode(Tags.self, from: $0)).map { $0.tags ?? [] }
        } error: {
            forwarder.error($0)
        }
        let tags = await offLoop { found.map { ($0.lowercased(), $0) }.sorted { $0 < $1 }.map(\.1) }
        lists.remember(tags, of: upstream, path)
        return tags
    }

    /// "Case-insensitive alphanumeric order", as the specification has it.
    private static func isBefore(_ a: String, _ b: String) -> Bool {
        let (x, y) = (a.lowercased(), b.lowercased())
        return x == y ? a < b : x < y
    }
}
