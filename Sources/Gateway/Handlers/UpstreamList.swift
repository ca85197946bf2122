import FoundationEssentials
import HTTP
import Registry

/// All pages of a list of the upstream's. Upstreams have an order, bounds and cursors of their own (ECR 1.3).
struct UpstreamList {
    let registry: RegistryClient
    let path: String

    /// Names on one page: ECR's maximum (ECR 1.2).
    private static let pageSize = 1000
    /// Bytes of one page, and of all pages of one list. ECR's quotas end far below.
    private static let maxPage = 4 << 20, maxList = 16 << 20
    /// Requests for one list, however little each page holds.
    private static let maxPages = 1000

    /// The names of all pages.
    /// - Parameters:
    ///   - names: the names on a page; nil: the body is no such list.
    ///   - error: what an upstream's error comes to.
    func names(_ names: (Data) -> [String]?, error: (UpstreamError) -> ErrorResponse) async throws -> [String] {
        var all: [String] = []
        var bytes = 0
        var seen = Set<[UInt8]>()
        var target = Array("\(path)?n=\(Self.pageSize)".utf8)
        while seen.insert(target).inserted, seen.count <= Self.maxPages, bytes < Self.maxList {
            let response = try await registry.send(.get, target, upTo: Self.maxPage)
            guard response.status == 200 else { throw error(UpstreamError(status: response.status, body: response.body)) }
            guard let page = names(Data(response.body)) else {
                throw ErrorResponse.badGateway("The upstream registry's list cannot be read.", retryAfter: 1)
            }
            all += page
            bytes += response.body.count
            guard let next = response.link.flatMap({ Rewriting(of: registry.upstream).linkTarget($0[...]) }) else { return all }
            target = next
        }
        throw ErrorResponse.badGateway("The upstream registry's list has no end.", retryAfter: 1)
    }
}
