import Configuration
import Crypto
import FoundationEssentials
import Registry
import Synchronization
import Transport

/// Pushes a small artifact for real, reads it back and deletes it, through a gateway of this configuration.
struct PushCheck {
    let gateway: PrivateGateway
    let image: ImageName
    let upstream: Settings.Upstream
    /// What the upstream calls the repository.
    let repository: Repository
    /// Set by a signal: what was pushed is still deleted.
    let interruption: Interruption

    typealias Step = CheckReport.Step

    /// With milliseconds, so that no tag is there already: in a repository with immutable tags that would be an error.
    private let tag: String = {
        let style = Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted, includingFractionalSeconds: true)
        return "berth-check-" + Date().formatted(style)
    }()

    private struct Failure: Error {
        let purpose: RepositoryFailure.Purpose
        let response: PrivateGateway.Response
    }

    private struct Interrupted: Error {}

    func run(_ report: (Step) -> Void) async {
        var mayExist = false, isNew = false
        var problem: Step?
        do {
            isNew = try await isMissing()
            let layer = try await push(&mayExist)
            try await readBack(layer)
        } catch let failure as Failure {
            problem = step(of: failure, outcome: .failed)
        } catch is Interrupted {
            problem = Step(step: "push", outcome: .failed, detail: "interrupted")
        } catch {
            problem = Step(step: "push", outcome: .failed, detail: "\(error)")
        }
        let note = isNew ? ["this push has created the repository \(repository), as create_repositories says; it stays"] : []
        report(
            problem
                ?? Step(step: "push", outcome: .ok, detail: "\(tag) was pushed and read back", notes: note, facts: ["tag": tag]))
        // Also after a failure without a response: ECR may have taken the manifest.
        if mayExist { report(await delete()) }
    }

    // MARK: Push

    /// Whether there is no such repository yet.
    private func isMissing() async throws -> Bool {
        try await gateway.send("GET", path("manifests/\(tag)"), fields: Self.accept).code == "NAME_UNKNOWN"
    }

    /// - Returns: the digest of the layer.
    private func push(_ mayExist: inout Bool) async throws -> String {
        // Unlike any other, so that deleting the tag deletes the image and nothing else.
        let layer = Array("Pushed by berth check as \(tag), and deleted at once.\n".utf8)
        let config = Array("{}".utf8)
        for blob in [config, layer] { try await upload(blob) }
        let manifest = Array(
            """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.berth.check",\
            "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\(Self.digest(of: config))","size":\(config.count)},\
            "layers":[{"mediaType":"text/plain","digest":"\(Self.digest(of: layer))","size":\(layer.count)}]}
            """.utf8)
        try stopIfInterrupted()
        mayExist = true
        let response = try await gateway.send(
            "PUT", path("manifests/\(tag)"), fields: [("Content-Type", "application/vnd.oci.image.manifest.v1+json")],
            body: manifest)
        // A rejection is certain: nothing was stored.
        if (400..<500).contains(response.status) { mayExist = false }
        guard response.isSuccess else { throw Failure(purpose: .manifestPut, response: response) }
        return Self.digest(of: layer)
    }

    private func upload(_ blob: [UInt8]) async throws {
        try stopIfInterrupted()
        let session = try await gateway.send("POST", path("blobs/uploads/"), body: [])
        guard session.isSuccess, let location = session.fields["location"] else {
            throw Failure(purpose: .upload, response: session)
        }
        try stopIfInterrupted()
        let (target, query) = Self.target(of: location)
        let digest = "digest=\(Self.digest(of: blob))"
        let done = try await gateway.send(
            "PUT", target, query: query.map { "\($0)&\(digest)" } ?? digest, fields: [("Content-Type", "application/octet-stream")],
            body: blob)
        guard done.isSuccess else { throw Failure(purpose: .upload, response: done) }
    }

    private static let accept = [(name: "Accept", value: "application/vnd.oci.image.manifest.v1+json")]

    private func readBack(_ layer: String) async throws {
        try stopIfInterrupted()
        let response = try await gateway.send("GET", path("manifests/\(tag)"), fields: Self.accept)
        guard response.isSuccess else { throw Failure(purpose: .manifest, response: response) }
        // Perhaps a redirect: then clients read it elsewhere.
        let blob = try await gateway.send("GET", path("blobs/\(layer)"), fields: [("Range", "bytes=0-0")])
        guard blob.status < 400 else { throw Failure(purpose: .blob, response: blob) }
        try stopIfInterrupted()
    }

    private func stopIfInterrupted() throws { if interruption.hasCome { throw Interrupted() } }

    // MARK: Delete

    private func delete() async -> Step {
        do throws(HTTPClientError) {
            let response = try await gateway.send("DELETE", path("manifests/\(tag)"))
            guard !response.isSuccess, response.status != 404 else {
                return Step(step: "delete", outcome: .ok, detail: "\(tag) was deleted again")
            }
            return step(of: Failure(purpose: .delete, response: response), outcome: .warning, more: [byHand])
        } catch {
            return Step(step: "delete", outcome: .warning, detail: "\(tag) was not deleted: \(error)", notes: [byHand])
        }
    }

    private var byHand: String {
        "the tag stays; to delete it: aws ecr batch-delete-image --region \(upstream.registry.region) --repository-name \(repository) --image-ids imageTag=\(tag)"
    }

    private func step(of failure: Failure, outcome: Step.Outcome, more: [String] = []) -> Step {
        let described = RepositoryFailure(
            purpose: failure.purpose, response: failure.response, upstream: upstream, repository: repository)
        return Step(
            step: failure.purpose == .delete ? "delete" : "push", outcome: outcome, detail: described.detail,
            notes: described.fixes + more,
            facts: ["tag": tag].merging(failure.response.code.map { ["error": $0] } ?? [:]) { $1 })
    }

    // MARK: Names

    private func path(_ rest: String) -> String { "/v2/\(image.repository)/\(rest)" }

    private static func digest(of bytes: [UInt8]) -> String { "sha256:" + Hexadecimal.string(of: SHA256.digest(of: bytes)) }

    /// Path and query of a `Location`, which may name the host that clients use.
    private static func target(of location: String) -> (path: String, query: String?) {
        if let url = HTTPClientURL(location) { return (url.path, url.query) }
        let parts = location.split(separator: "?", maxSplits: 1).map(String.init)
        return (parts.first ?? "/", parts.count > 1 ? parts[1] : nil)
    }
}
