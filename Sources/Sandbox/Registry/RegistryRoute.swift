import HTTP

/// An endpoint of the registry. Parsed independently of the gateway, so that a mistake in one parser shows in tests against the other.
enum RegistryRoute {
    case ping
    case catalog
    case tags(String)
    case manifest(String, reference: String)
    case blob(String, digest: String)
    case newUpload(String)
    case upload(String, id: String)
    case referrers(String, digest: String)

    /// A repository's name may have slashes and segments such as `blobs`, so the path is read from its end.
    init?(path: String) {
        let path = PercentEncoding.decode(path)
        guard path.hasPrefix("/v2/") || path == "/v2" else { return nil }
        let segments = path.dropFirst(4).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if segments == [""] || segments == [] { self = .ping; return }
        if segments == ["_catalog"] { self = .catalog; return }
        func name(dropping count: Int) -> String { segments.dropLast(count).joined(separator: "/") }
        guard segments.count >= 3 else { return nil }
        let tail = Array(segments.suffix(3))
        switch (tail[0], tail[1], tail[2]) {
        case (_, "tags", "list"): self = .tags(name(dropping: 2))
        case (_, "manifests", let reference): self = .manifest(name(dropping: 2), reference: reference)
        case (_, "referrers", let digest): self = .referrers(name(dropping: 2), digest: digest)
        case ("blobs", "uploads", "") where segments.count > 3: self = .newUpload(name(dropping: 3))
        case ("blobs", "uploads", let id) where segments.count > 3: self = .upload(name(dropping: 3), id: id)
        case (_, "blobs", "uploads"): self = .newUpload(name(dropping: 2))
        case (_, "blobs", let digest): self = .blob(name(dropping: 2), digest: digest)
        default: return nil
        }
        guard let repository, Repositories.isName(repository) else { return nil }
    }

    var repository: String? {
        switch self {
        case .ping, .catalog: nil
        case .tags(let name), .newUpload(let name), .manifest(let name, _), .blob(let name, _), .upload(let name, _),
            .referrers(let name, _):
            name
        }
    }

    /// The kind of request, for the counters, and the IAM action that it needs (ECR 1); nil for a method that the endpoint lacks.
    func operation(_ method: Method) -> (kind: String, action: String)? {
        switch (self, method) {
        case (.ping, .get), (.ping, .head): ("ping", "ecr:GetAuthorizationToken")
        case (.catalog, .get): ("catalog", "ecr:DescribeRepositories")
        case (.tags, .get): ("tags", "ecr:ListImages")
        case (.manifest, .get): ("manifest_get", "ecr:BatchGetImage")
        case (.manifest, .head): ("manifest_head", "ecr:BatchGetImage")
        case (.manifest, .put): ("manifest_put", "ecr:PutImage")
        case (.manifest, .delete): ("manifest_delete", "ecr:BatchDeleteImage")
        case (.blob, .get): ("blob_get", "ecr:GetDownloadUrlForLayer")
        case (.blob, .head): ("blob_head", "ecr:BatchCheckLayerAvailability")
        case (.newUpload, .post): ("upload_start", "ecr:InitiateLayerUpload")
        case (.upload, .patch): ("upload_patch", "ecr:UploadLayerPart")
        case (.upload, .put): ("upload_put", "ecr:CompleteLayerUpload")
        case (.referrers, .get): ("referrers", "ecr:ListImageReferrers")
        default: nil
        }
    }
}
