import FoundationEssentials
import HTTP
import Registry

/// `/v2/<name>/referrers/<digest>` (distribution spec, "Listing Referrers"). It always exists: where the upstream lacks the endpoint, the
/// list is the index under the tag at which clients keep it ("Referrers Tag Schema").
struct ReferrersHandler {
    private let forwarder: Forwarder
    private let digest: Digest

    private static let indexType: StaticString = "application/vnd.oci.image.index.v1+json"

    init(_ forwarder: Forwarder, digest: Digest) { (self.forwarder, self.digest) = (forwarder, digest) }

    func handle() async throws {
        let wanted = forwarder.request.target.parameter("artifactType").map { String(decoding: $0, as: UTF8.self) }
        let response = try await forwarder.registry.send(.get, Array(forwarder.target), upTo: ManifestHandler.maxManifest)
        var list = response.body
        var isFiltered = response.isFiltered
        if response.status != 200 {
            let failure = UpstreamError(status: response.status, body: list)
            guard failure.isOfMissingEndpoint else { throw forwarder.error(failure) }
            list = try await listByTag()
            isFiltered = false
        }
        var fields = [("Content-Type", "\(Self.indexType)"), ("Docker-Distribution-Api-Version", "registry/2.0")]
        if let link = response.link.flatMap({ forwarder.rewriting.link($0[...]) }) {
            fields.append(("Link", String(decoding: link, as: UTF8.self)))
        }
        if let wanted {
            if !isFiltered { list = try Self.filtered(list, by: wanted) }
            fields.append(("OCI-Filters-Applied", "artifactType"))
        }
        try await forwarder.writer.respond(200, fields: fields, body: list)
    }

    private func listByTag() async throws -> [UInt8] {
        let tag = digest.description.replacing(":", with: "-")
        let target = Array("/v2/\(forwarder.route.upstreamRepository)/manifests/\(tag)".utf8)
        let response = try await forwarder.registry.send(
            .get, target, as: .batchGetImage, accept: Self.indexType, upTo: ManifestHandler.maxManifest)
        switch response.status {
        case 200: return response.body
        // 400: an invalid tag, to registries that bound it shorter.
        case 400, 404: return Array("{\"schemaVersion\":2,\"mediaType\":\"\(Self.indexType)\",\"manifests\":[]}".utf8)
        default: throw forwarder.error(UpstreamError(status: response.status, body: response.body))
        }
    }

    private static func filtered(_ list: [UInt8], by artifactType: String) throws -> [UInt8] {
        guard var index = try? JSONDecoder().decode([String: JSONValue].self, from: Data(list)),
            case .array(let manifests)? = index["manifests"]
        else { throw ErrorResponse.badGateway("The upstream registry's list of referrers is not an index.", retryAfter: 1) }
        index["manifests"] = .array(
            manifests.filter { manifest in
                guard case .object(let descriptor) = manifest else { return false }
                return descriptor["artifactType"] == .string(artifactType)
            })
        return try ListPage.encoded(index)
    }
}
