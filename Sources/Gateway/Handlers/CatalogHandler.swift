import AWS
import Access
import FoundationEssentials
import HTTP
import Registry

/// `/v2/_catalog`: the repositories of all upstreams that routes lead to from here, in the clients' names, that the principal may list.
struct CatalogHandler {
    private struct Catalog: Codable { var repositories: [String]? }

    let request: RegistryRequest
    let principal: Principal
    let router: Router
    let downstream: Downstream
    let writer: ResponseWriter
    let record: ExchangeRecord
    /// The client of an upstream's registry.
    let registry: (Upstream) -> RegistryClient

    func handle() async throws {
        let page = ListPage(of: try await names(), for: request, publicURL: downstream.publicURL, isBefore: <)
        let list = Catalog(repositories: page.names)
        try await writer.respond(200, fields: page.fields, body: try ListPage.encoded(list))
    }

    /// In order.
    private func names() async throws -> [String] {
        let rows = router.rows(at: request.place)
        var found: [(upstream: Upstream, names: [String])] = []
        for upstream in rows.map(\.upstream) where upstream.hasCatalog && !found.contains(where: { $0.upstream === upstream }) {
            record.upstream = upstream.name
            found.append((upstream, try await repositories(at: upstream)))
        }
        return await offLoop { [found, router, principal, place = request.place] in
            var names = Set<String>()
            for (upstream, repositories) in found {
                let reverse = Router.Reverse(rows.filter { $0.upstream === upstream })
                for there in repositories.lazy.compactMap({ Repository($0) }) {
                    for row in reverse.rows(for: there) {
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
    }

    /// Of the first of its registries that can tell.
    private func repositories(at upstream: Upstream) async throws -> [String] {
        let client = registry(upstream)
        guard let failover = Failover(client, for: .catalog, mayPush: false) else {
            return try await repositories(of: upstream, by: client)
        }
        while true {
            let registry = failover.client(client)
            do { return try await repositories(of: failover.registry, by: registry) } catch {
                guard try failover.advance(after: error, isOvertaken: registry.isOvertaken, hasToken: client.worker.hasToken)
                else { throw error }
            }
        }
    }

    private func repositories(of upstream: Upstream, by client: RegistryClient) async throws -> [String] {
        do {
            return try await UpstreamList(registry: client, path: "/v2/_catalog").names {
                (try? JSONDecoder().decode(Catalog.self, from: $0)).map { $0.repositories ?? [] }
            } error: { failure in
                record.reason = failure.message
                return failure.response(to: request, upstreamRepository: nil)
            }
        } catch let response as ErrorResponse {
            // Where the registry API has no list, ECR's API may.
            guard [403, 404, 405].contains(response.error.status), let directory = upstream.directory else { throw response }
            do throws(AWSError) { return try await directory.names() } catch {
                record.reason = "\(error)"
                throw response
            }
        }
    }
}
