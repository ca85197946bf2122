import AWS
import Access
import Foundation
import HTTP
import Registry

/// Lists as the specification has them, in order, `n` of them after `last` (distribution spec, "Listing Tags"), made of the upstream's, which
/// have an order, bounds and cursors of their own (ECR 1.3). Berth's cursors are names: no client can mangle them.
struct Listing {
    private let exchange: Exchange
    private let call: Call
    private let site: Site
    private let last: String?

    /// What ECR gives at once (ECR 1.2).
    private static let upstreamPage = 1000
    private static let maxPageBytes = 4 << 20
    /// Of all the names of one list. ECR's quotas end far below.
    private static let maxBytes = 16 << 20

    init(_ exchange: Exchange, call: Call, site: Site) {
        (self.exchange, self.call, self.site) = (exchange, call, site)
        last = call.target.parameter("last").map { String(decoding: $0, as: UTF8.self) }
    }

    private struct Tags: Codable { var name: String?, tags: [String]? }
    private struct Catalog: Codable { var repositories: [String]? }

    // MARK: Tags

    func answerTags(by forwarding: Forwarding, of repository: Repository, upstreamRepository: Repository) async throws {
        let path = "/v2/\(upstreamRepository)/tags/list"
        let upstream = forwarding.route.upstream
        // A client that goes through the pages need not make Berth go through all of the upstream's each time.
        let known = last == nil ? nil : exchange.bench.lists.list(of: upstream, path)
        let tags: [String]
        if let known {
            tags = known
        } else {
            let found = try await all(path, by: forwarding) {
                (try? JSONDecoder().decode(Tags.self, from: $0)).map { $0.tags ?? [] }
            }
            tags = await offLoop { found.map { ($0.lowercased(), $0) }.sorted { $0 < $1 }.map(\.1) }
            exchange.bench.lists.remember(tags, of: upstream, path)
        }
        let page = page(of: tags, before: Self.isBefore)
        try await answer(Tags(name: repository.description, tags: page.names), isLast: page.isLast)
    }

    /// "Case-insensitive alphanumeric order", as the specification has it.
    private static func isBefore(_ a: String, _ b: String) -> Bool {
        let (x, y) = (a.lowercased(), b.lowercased())
        return x == y ? a < b : x < y
    }

    // MARK: Repositories

    /// Those of all upstreams that routes lead to from here, by the clients' names, that the principal may list.
    func answerCatalog(to principal: Principal) async throws {
        let place = exchange.place(of: call)
        let rows = site.router.rows(at: place)
        var found: [(upstream: Upstream, names: [String])] = []
        for upstream in rows.map(\.upstream).uniqued() where !upstream.refusesHeadOfBlobs {
            exchange.record.upstream = upstream
            found.append((upstream, try await repositories(of: upstream)))
        }
        let router = site.router
        let names = await offLoop { [found] in
            var names = Set<String>()
            for (upstream, repositories) in found {
                for there in repositories.lazy.compactMap({ Repository($0) }) {
                    for row in rows where row.upstream === upstream {
                        guard let here = there.replacing(prefix: row.upstreamPrefix, with: row.prefix),
                            principal.may(anyOf: [.list], on: here, at: place),
                            // It leads there, and not by a longer prefix to another place.
                            let route = router.route(at: place, repository: here),
                            route.upstream === upstream, route.upstreamRepository == there
                        else { continue }
                        names.insert(here.description)
                    }
                }
            }
            return names.sorted()
        }
        let page = page(of: names, before: <)
        try await answer(Catalog(repositories: page.names), isLast: page.isLast)
    }

    private func repositories(of upstream: Upstream) async throws -> [String] {
        let route = Route(upstream: upstream, repository: nil, upstreamRepository: nil)
        let forwarding = Forwarding(exchange, call: call, route: route, site: site)
        do {
            return try await all("/v2/_catalog", by: forwarding) {
                (try? JSONDecoder().decode(Catalog.self, from: $0)).map { $0.repositories ?? [] }
            }
        } catch let refusal as Refusal {
            // Where the data plane does not list, the API may.
            guard [403, 404, 405].contains(refusal.error.status), let directory = upstream.directory else { throw refusal }
            do throws(AWSError) { return try await directory.names() } catch {
                exchange.record.reason = "\(error)"
                throw refusal
            }
        }
    }

    // MARK: Pages

    /// Every page of the upstream's.
    /// - Parameter names: of a page's body; nil: it is not what it should be.
    private func all(_ path: String, by forwarding: Forwarding, names: (Data) -> [String]?) async throws -> [String] {
        var all: [String] = []
        var bytes = 0
        var seen = Set<[UInt8]>()
        var target = Array("\(path)?n=\(Self.upstreamPage)".utf8)
        while seen.insert(target).inserted, bytes < Self.maxBytes {
            let reply = try await forwarding.ask(.get, target, upTo: Self.maxPageBytes)
            guard reply.status == 200 else { throw forwarding.refusal(reply.status, reply.body) }
            guard let page = names(Data(reply.body)) else {
                throw Refusal(.unavailable, "The upstream registry's list is not one.", status: 502, retryAfter: 1)
            }
            all += page
            bytes += reply.body.count
            guard let link = reply.link, let next = forwarding.route.nextPage(link[...]) else { return all }
            target = next
        }
        throw Refusal(.unavailable, "The upstream registry's list has no end.", status: 502, retryAfter: 1)
    }

    private func page(of names: [String], before: (String, String) -> Bool) -> (names: [String], isLast: Bool) {
        let rest = last.map { last in names.drop { !before(last, $0) } } ?? names[...]
        guard let count = call.count else { return (Array(rest), true) }
        return (Array(rest.prefix(count)), count == 0 || rest.count <= count)
    }

    private func answer(_ list: some Encodable, isLast: Bool) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        var fields = [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")]
        if !isLast, let last = (list as? Tags)?.tags?.last ?? (list as? Catalog)?.repositories?.last {
            let address = String(decoding: site.doors[exchange.record.listener].publicURL + call.target.path, as: UTF8.self)
            // One that is no host leads nowhere, here and on the next page.
            let namespace =
                call.namespace.map { String(decoding: $0, as: UTF8.self) }
                .flatMap { $0.contains(/^[A-Za-z0-9.:-]+$/) ? "&ns=\($0)" : nil } ?? ""
            fields.append(("Link", "<\(address)?n=\(call.count ?? 0)&last=\(last)\(namespace)>; rel=\"next\""))
        }
        try await exchange.respond(200, fields: fields, body: Array(try encoder.encode(list)))
    }
}

/// Lists that were gone through lately, for the pages that follow. A worker's own.
struct RecentLists {
    private struct Key: Hashable { let upstream: ObjectIdentifier, path: String }
    /// The upstream is held: another one cannot come to have its identity meanwhile.
    private var lists: [Key: (upstream: Upstream, names: [String], at: ContinuousClock.Instant)] = [:]

    private static let most = 16
    /// Longer ones are gone through anew.
    private static let maxNames = 20_000
    private static let lifetime = Duration.seconds(30)

    func list(of upstream: Upstream, _ path: String) -> [String]? {
        lists[Key(upstream: ObjectIdentifier(upstream), path: path)].flatMap {
            ContinuousClock.now - $0.at < Self.lifetime ? $0.names : nil
        }
    }

    mutating func remember(_ names: [String], of upstream: Upstream, _ path: String) {
        let key = Key(upstream: ObjectIdentifier(upstream), path: path)
        guard names.count <= Self.maxNames else { return lists[key] = nil }
        if lists.count >= Self.most, lists[key] == nil, let oldest = lists.min(by: { $0.value.at < $1.value.at }) {
            lists[oldest.key] = nil
        }
        lists[key] = (upstream, names, .now)
    }
}

/// Sorting tens of thousands of names takes longer than a loop's other connections should wait.
private func offLoop<Value: Sendable>(_ work: @Sendable @escaping () -> Value) async -> Value {
    await withTaskExecutorPreference(globalConcurrentExecutor) { await concurrently(work) }
}

/// Where the task prefers to be, and not where its caller is isolated.
@concurrent private func concurrently<Value: Sendable>(_ work: @Sendable () -> Value) async -> Value { work() }

extension Sequence<Upstream> {
    fileprivate func uniqued() -> [Upstream] {
        var seen = Set<ObjectIdentifier>()
        return filter { seen.insert(ObjectIdentifier($0)).inserted }
    }
}
