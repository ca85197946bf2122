import HTTPServer
import AWS
import Foundation
import HTTP
import Registry

/// What Berth does itself where the upstream's registry API lacks an endpoint (ECR 1.3, 1.5).
extension Forwarding {
    /// true: the client has its answer. false: the upstream's own error stands.
    func standIn(forStatus status: Int, _ body: [UInt8]) async throws -> Bool {
        // An endpoint that is there says what it misses.
        guard status == 405 || status == 404 && UpstreamError(status: status, body: body).isOfNoEndpoint else { return false }
        switch call.operation {
        case .uploadStatus:
            guard let upload = call.upload, case .upload(_, let session) = call.endpoint else { return false }
            let name = ("Docker-Upload-UUID", String(decoding: session, as: UTF8.self))
            try await exchange.respond(204, fields: fields(of: upload) + [name])
        // ECR lets a session lapse by itself.
        case .uploadCancel: try await exchange.respond(204, fields: [])
        case .manifestDelete: try await deleteImage()
        case .blobDelete:
            throw Refusal(.unsupported, "ECR deletes a blob by itself, when no image refers to it any more; delete the manifests.")
        default: return false
        }
        return true
    }

    private func deleteImage() async throws {
        guard case .manifest(_, let reference) = call.endpoint, let repository = route.upstreamRepository,
            let directory = route.upstream.directory
        else { throw Refusal(.unsupported, "The upstream registry deletes no manifests.") }
        let image =
            switch reference {
            case .tag(let tag): ImageIdentifier.tag(tag.description)
            case .digest(let digest): ImageIdentifier.digest(digest.description)
            }
        let outcome: ImageDeletion
        do throws(AWSError) { outcome = try await directory.deleteImage(image, in: repository.description) } catch {
            exchange.record.reason = "\(error)"
            throw Refusal(.denied, "The gateway could not have the image deleted; its operator finds the cause in the log.")
        }
        switch outcome {
        case .deleted: try await exchange.respond(202, fields: [("Docker-Distribution-Api-Version", "registry/2.0")])
        case .notFound: throw Refusal(.manifestUnknown, "The upstream registry has no such manifest.")
        case .refused(let code, let reason):
            exchange.record.reason = "\(code): \(reason)"
            let text = UpstreamError.withoutNames(reason, call.endpoint.repository?.description ?? "", repository.description)
            throw Refusal(.unsupported, "ECR does not delete this image: \(text)", status: 400)
        }
    }

    // MARK: Referrers

    private static let indexType = "application/vnd.oci.image.index.v1+json"

    /// The list of what refers to a manifest (distribution spec, "Listing Referrers"), always there: without the API it is the index under the
    /// tag that clients keep it at ("Referrers Tag Schema").
    func answerReferrers(of digest: Digest, in repository: Repository) async throws {
        let wanted = call.target.parameter("artifactType").map { String(decoding: $0, as: UTF8.self) }
        let reply = try await ask(.get, route.target(of: call, asSent: request.head.target, mount: nil), upTo: Self.maxManifest)
        var list = reply.body
        var fields = [("Content-Type", Self.indexType), ("Docker-Distribution-Api-Version", "registry/2.0")]
        let hasNone = reply.status == 405 || reply.status == 404 && UpstreamError(status: reply.status, body: list).isOfNoEndpoint
        if hasNone {
            list = try await referrersByTag(of: digest, in: repository)
        } else if reply.status != 200 {
            throw refusal(reply.status, list)
        }
        let rewriting = route.rewriting(publicURL: site.doors[exchange.record.listener].publicURL)
        if let link = reply.link.flatMap({ rewriting.link($0[...]) }) {
            fields.append(("Link", String(decoding: link, as: UTF8.self)))
        }
        if let wanted {
            if hasNone || !reply.isFiltered { list = try Self.filtered(list, by: wanted) }
            fields.append(("OCI-Filters-Applied", "artifactType"))
        }
        try await exchange.respond(200, fields: fields, body: list)
    }

    private func referrersByTag(of digest: Digest, in repository: Repository) async throws -> [UInt8] {
        let tag = digest.description.replacing(":", with: "-")
        let target = Array("/v2/\(repository)/manifests/\(tag)".utf8)
        let reply = try await ask(.get, target, accept: "application/vnd.oci.image.index.v1+json", upTo: Self.maxManifest)
        switch reply.status {
        case 200: return reply.body
        // An invalid tag, to those who bound it shorter.
        case 400, 404: return Array("{\"schemaVersion\":2,\"mediaType\":\"\(Self.indexType)\",\"manifests\":[]}".utf8)
        default: throw refusal(reply.status, reply.body)
        }
    }

    private static func filtered(_ list: [UInt8], by artifactType: String) throws -> [UInt8] {
        guard var index = try? JSONSerialization.jsonObject(with: Data(list)) as? [String: Any],
            let manifests = index["manifests"] as? [[String: Any]]
        else { throw Refusal(.unavailable, "The upstream registry's list of referrers is not one.", status: 502, retryAfter: 1) }
        index["manifests"] = manifests.filter { $0["artifactType"] as? String == artifactType }
        return Array(try JSONSerialization.data(withJSONObject: index, options: [.sortedKeys, .withoutEscapingSlashes]))
    }

    // MARK: A blob in one POST

    /// A session for a blob that comes with the request that asks for it (distribution spec, "Single POST"), which ECR does not know: the
    /// body goes into it by PUT.
    /// - Returns: path and query there.
    func openSession(for digest: [UInt8], in repository: Repository) async throws -> [UInt8] {
        var reply = try await ask(.post, Array("/v2/\(repository)/blobs/uploads/".utf8), upTo: TokenRefusal.maxBody)
        if reply.status == 404, let creation, try await create(by: creation) {
            reply = try await ask(.post, Array("/v2/\(repository)/blobs/uploads/".utf8), upTo: TokenRefusal.maxBody)
        }
        guard reply.status == 202 else { throw refusal(reply.status, reply.body) }
        let there = Rewriting(
            origin: route.upstream.origin, clientRepository: repository.bytes, upstreamRepository: repository.bytes, publicURL: [])
        guard let location = reply.location.flatMap({ there.location($0[...]) }) else {
            throw Refusal(.unavailable, "The upstream registry opened an upload nowhere.", status: 502, retryAfter: 1)
        }
        return location + [location.contains(UInt8(ascii: "?")) ? UInt8(ascii: "&") : UInt8(ascii: "?")] + Array("digest=".utf8)
            + digest
    }
}
