import Configuration
import FoundationEssentials
import Registry
import Transport

/// Pulls an image for real, as a client would, through a gateway of this configuration: its manifests, and a byte of each layer.
struct RepositoryCheck {
    let gateway: PrivateGateway
    let image: ImageName
    let upstream: Settings.Upstream
    /// What the upstream calls the repository.
    let repository: Repository
    /// For blobs to which the gateway redirects clients.
    let clients: AWSClients

    typealias Step = CheckReport.Step

    /// Manifests of an index, and blobs, that are read: images have fewer.
    private static let maxManifests = 32, maxBlobs = 256
    private static let manifestTypes = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
    ].joined(separator: ", ")

    private struct Manifest: Decodable {
        struct Descriptor: Decodable {
            struct Platform: Decodable { let os: String, architecture: String, variant: String? }
            let digest: String, size: Int
            let platform: Platform?
            /// Layers that are elsewhere: no registry has them.
            let urls: [String]?
        }
        let manifests: [Descriptor]?
        let config: Descriptor?
        let layers: [Descriptor]?
    }

    /// - Returns: the tag or digest; nil: there is none that can be pulled.
    func run(_ report: (Step) -> Void) async -> String? {
        do throws(HTTPClientError) {
            guard let reference = try await reference(report) else { return nil }
            try await pull(reference, report)
            return reference
        } catch {
            report(Step(step: "pull", outcome: .failed, detail: "\(error)"))
            return nil
        }
    }

    /// Asks a fallback, which is the gateway's only registry here, for the manifest. What it lacks is a warning: pulls work meanwhile.
    func askFallback(for reference: String, _ report: (Step) -> Void) async {
        let host = upstream.registry.host
        func warn(_ detail: String, _ notes: [String]) {
            report(Step(step: "fallback", outcome: .warning, detail: detail, notes: notes, facts: ["registry": host]))
        }
        do throws(HTTPClientError) {
            let response = try await gateway.send("GET", path("manifests/\(reference)"), fields: Self.accept)
            if response.isSuccess {
                return report(
                    Step(step: "fallback", outcome: .ok, detail: "\(host) has \(reference) too", facts: ["registry": host]))
            }
            guard response.status != 404 else {
                return warn(
                    "\(host) does not have \(reference): it cannot be pulled while the registry is away",
                    [
                        "set up ECR's replication to it, with a filter that matches \(repository); it copies what is pushed from then on, so push the image again, or copy it"
                    ])
            }
            let failure = RepositoryFailure(purpose: .manifest, response: response, upstream: upstream, repository: repository)
            warn("\(host): \(failure.detail)", failure.fixes)
        } catch { warn("\(host): \(error)", []) }
    }

    /// Without a tag: `latest`, or the first one that there is; nil: reported.
    private func reference(_ report: (Step) -> Void) async throws(HTTPClientError) -> String? {
        if let reference = image.reference { return reference.description }
        let usual = "latest"
        guard try await gateway.send("HEAD", path("manifests/\(usual)"), fields: Self.accept).status == 404 else { return usual }
        let response = try await gateway.send("GET", path("tags/list"), query: "n=1")
        guard response.isSuccess else {
            fail(.tags, response, report)
            return nil
        }
        struct Tags: Decodable { let tags: [String]? }
        guard let first = (try? JSONDecoder().decode(Tags.self, from: Data(response.body)))?.tags?.first else {
            report(Step(step: "manifest", outcome: .warning, detail: "the repository has no tags yet, so nothing can be pulled"))
            return nil
        }
        return first
    }

    private func pull(_ reference: String, _ report: (Step) -> Void) async throws(HTTPClientError) {
        guard let (root, bytes) = try await manifest(reference, report) else { return }
        let children = root.manifests ?? []
        report(
            Step(
                step: "manifest", outcome: .ok,
                detail:
                    "\(reference): \(root.manifests == nil ? "an image" : "an index of \(children.count) manifests"), \(bytes) bytes"
            ))
        var blobs = Self.blobs(of: root)
        if !children.isEmpty {
            var names: [String] = []
            for child in children.prefix(Self.maxManifests) {
                guard let (part, _) = try await manifest(child.digest, report) else { return }
                blobs += Self.blobs(of: part)
                if let platform = child.platform, platform.os != "unknown" {
                    names.append([platform.os, platform.architecture, platform.variant].compactMap { $0 }.joined(separator: "/"))
                }
            }
            let left = children.count > Self.maxManifests ? "; the first \(Self.maxManifests) of \(children.count)" : ""
            report(Step(step: "platforms", outcome: .ok, detail: names.joined(separator: ", ") + left))
        }
        try await read(blobs, report)
    }

    private func manifest(_ reference: String, _ report: (Step) -> Void) async throws(HTTPClientError) -> (Manifest, bytes: Int)? {
        let response = try await gateway.send("GET", path("manifests/\(reference)"), fields: Self.accept)
        guard response.isSuccess else {
            fail(.manifest, response, report)
            return nil
        }
        guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(response.body)) else {
            report(Step(step: "manifest", outcome: .failed, detail: "\(reference) is no manifest of OCI or of docker's schema 2"))
            return nil
        }
        return (manifest, response.body.count)
    }

    private static func blobs(of manifest: Manifest) -> [Manifest.Descriptor] {
        ([manifest.config].compactMap { $0 } + (manifest.layers ?? [])).filter { $0.urls?.isEmpty ?? true && $0.size > 0 }
    }

    private func read(_ all: [Manifest.Descriptor], _ report: (Step) -> Void) async throws(HTTPClientError) {
        var seen: Set<String> = []
        let blobs = all.filter { seen.insert($0.digest).inserted }
        var hosts: Set<String> = []
        for blob in blobs.prefix(Self.maxBlobs) {
            let response = try await gateway.send("GET", path("blobs/\(blob.digest)"), fields: [("Range", "bytes=0-0")])
            if let location = response.fields["location"], (300..<400).contains(response.status) {
                guard let host = await readElsewhere(location, report) else { return }
                hosts.insert(host)
            } else if !response.isSuccess {
                return fail(.blob, response, report)
            }
        }
        let size = blobs.reduce(0) { $0 + $1.size }
        let way =
            hosts.isEmpty
            ? "" : "; clients are redirected to \(hosts.sorted().joined(separator: ", ")), which they must reach themselves"
        report(
            Step(
                step: "blobs", outcome: .ok,
                detail:
                    "a byte of each of \(min(blobs.count, Self.maxBlobs)) read, of \(withOneDecimal(Double(size) / 1_048_576)) MiB in all\(way)"
            ))
    }

    /// Follows a redirect as the client would. The URL is a secret while it is valid.
    /// - Returns: the host; nil: reported.
    private func readElsewhere(_ location: String, _ report: (Step) -> Void) async -> String? {
        guard let url = HTTPClientURL(location) else {
            report(Step(step: "blobs", outcome: .failed, detail: "the redirect of a blob is no URL of http or https"))
            return nil
        }
        var request = HTTPClientRequest("GET of a blob", url: url, fields: [("Range", "bytes=0-0")])
        request.dial = clients.dial(url)
        do throws(HTTPClientError) {
            let response = try await clients.dataPlaneClient.call(request)
            guard (200..<300).contains(response.status) else {
                report(
                    Step(
                        step: "blobs", outcome: .failed,
                        detail: "\(url.hostField) responded to a blob's URL with status \(response.status)"))
                return nil
            }
            return url.hostField
        } catch {
            // With `blobs: redirect` other machines than this one must reach it.
            report(
                Step(
                    step: "blobs", outcome: .warning,
                    detail: "\(url.hostField), where clients are redirected, cannot be reached from here: \(error.detail)",
                    notes: ["clients must reach it themselves, or use blobs: stream, with which Berth does"]))
            return nil
        }
    }

    private static let accept = [(name: "Accept", value: manifestTypes)]

    private func path(_ rest: String) -> String { "/v2/\(image.repository)/\(rest)" }

    private func fail(_ purpose: RepositoryFailure.Purpose, _ response: PrivateGateway.Response, _ report: (Step) -> Void) {
        let failure = RepositoryFailure(purpose: purpose, response: response, upstream: upstream, repository: repository)
        let step =
            switch purpose {
            case .blob: "blobs"
            case .tags: "tags"
            default: "manifest"
            }
        report(
            Step(
                step: step, outcome: .failed, detail: failure.detail, notes: failure.fixes,
                facts: response.code.map { ["error": $0] } ?? [:]))
    }
}
