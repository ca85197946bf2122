import HTTP
import Registry

/// What the specification asks of a response that says where pushed content is, and ECR leaves out (ECR 1.3, 1.5).
enum CreatedContent {
    /// - Parameters:
    ///   - kind: the path's component, `blobs` or `manifests`.
    ///   - head: the upstream's. Its `Location` is kept where it has one.
    static func fields(
        _ kind: StaticString, _ digest: [UInt8], in repository: Repository, _ head: Head, _ rewriting: Rewriting
    ) -> [ResponseField] {
        let path = Array("/v2/".utf8) + repository.bytes + Array("/\(kind)/".utf8) + digest
        let location = head.value(of: .location).flatMap { rewriting.location($0) } ?? rewriting.publicURL + path
        return [
            ResponseField(.location, "Location", location),
            ResponseField(.dockerContentDigest, "Docker-Content-Digest", digest),
        ]
    }

    /// Responds for content that turned out to be there: its first request was taken, and the response lost.
    static func respond(_ kind: StaticString, _ digest: [UInt8], by forwarder: Forwarder) async throws {
        let fields = fields(kind, digest, in: forwarder.route.repository, Head(), forwarder.rewriting)
        try await forwarder.writer.respond(201, fields: fields.map(\.pair) + [("Docker-Distribution-Api-Version", "registry/2.0")])
    }
}
