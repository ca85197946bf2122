package import HTTP

/// What a request does, by its endpoint and method. The raw values are positions in `allCases`.
package enum RegistryOperation: Int, Sendable, CaseIterable {
    /// The endpoints that have only one operation; HEAD of `/v2/` is `ping` too.
    case ping, catalog, tags
    /// On a manifest, by tag or digest.
    case manifestGet, manifestHead, manifestPut, manifestDelete
    /// On a blob.
    case blobGet, blobHead, blobDelete
    /// POST, PATCH and PUT of an upload.
    case uploadStart, uploadChunk, uploadFinish
    /// GET and DELETE of an upload session.
    case uploadStatus, uploadCancel
    /// The list of manifests that refer to a subject.
    case referrers
    /// A request that was rejected before its operation was known.
    case other

    /// As it is without this, but called directly: from other modules, raw values are compared through witnesses.
    package static func == (one: Self, other: Self) -> Bool { one.rawValue == other.rawValue }

    /// Its name in metrics and in the access log.
    package var label: StaticString {
        switch self {
        case .ping: "ping"
        case .catalog: "catalog"
        case .tags: "tags"
        case .manifestGet: "manifest_get"
        case .manifestHead: "manifest_head"
        case .manifestPut: "manifest_put"
        case .manifestDelete: "manifest_delete"
        case .blobGet: "blob_get"
        case .blobHead: "blob_head"
        case .blobDelete: "blob_delete"
        case .uploadStart: "upload_start"
        case .uploadChunk: "upload_chunk"
        case .uploadFinish: "upload_finish"
        case .uploadStatus: "upload_status"
        case .uploadCancel: "upload_cancel"
        case .referrers: "referrers"
        case .other: "other"
        }
    }

    /// The position in `allCases`, which counters are indexed by.
    package var index: Int { rawValue }

    /// The methods of an endpoint and their operations (distribution spec, "Endpoints"). Any other method is a 405.
    package static func all(of endpoint: Endpoint) -> [(method: StaticString, operation: RegistryOperation)] {
        switch endpoint {
        case .ping: [("GET", .ping), ("HEAD", .ping)]
        case .catalog: [("GET", .catalog)]
        case .tags: [("GET", .tags)]
        case .manifest: [("GET", .manifestGet), ("HEAD", .manifestHead), ("PUT", .manifestPut), ("DELETE", .manifestDelete)]
        case .blob: [("GET", .blobGet), ("HEAD", .blobHead), ("DELETE", .blobDelete)]
        case .uploads: [("POST", .uploadStart)]
        case .upload: [("PATCH", .uploadChunk), ("PUT", .uploadFinish), ("GET", .uploadStatus), ("DELETE", .uploadCancel)]
        case .referrers: [("GET", .referrers)]
        }
    }

    /// As `all(of:)` has it; nil: the endpoint does not have this method.
    package init?(_ endpoint: Endpoint, _ method: Method) {
        switch (endpoint, method) {
        case (.ping, .get), (.ping, .head): self = .ping
        case (.catalog, .get): self = .catalog
        case (.tags, .get): self = .tags
        case (.manifest, .get): self = .manifestGet
        case (.manifest, .head): self = .manifestHead
        case (.manifest, .put): self = .manifestPut
        case (.manifest, .delete): self = .manifestDelete
        case (.blob, .get): self = .blobGet
        case (.blob, .head): self = .blobHead
        case (.blob, .delete): self = .blobDelete
        case (.uploads, .post): self = .uploadStart
        case (.upload, .patch): self = .uploadChunk
        case (.upload, .put): self = .uploadFinish
        case (.upload, .get): self = .uploadStatus
        case (.upload, .delete): self = .uploadCancel
        case (.referrers, .get): self = .referrers
        default: return nil
        }
    }

    /// Completes the sentence "The user may not …".
    package var phrase: String {
        switch self {
        case .ping, .other: "do this"
        case .catalog: "list repositories"
        case .tags: "list tags"
        case .manifestGet, .manifestHead, .blobGet, .blobHead, .referrers: "pull"
        case .manifestPut, .uploadStart, .uploadChunk, .uploadFinish, .uploadStatus, .uploadCancel: "push"
        case .manifestDelete, .blobDelete: "delete"
        }
    }

    /// The actions of which any one must be allowed; empty when none is needed.
    package var actions: ActionSet {
        switch self {
        case .ping, .other: []
        case .catalog: [.list]
        case .tags: [.list, .pull]
        case .manifestGet, .manifestHead, .blobGet, .referrers: [.pull]
        // Before a push sends a layer, it checks with HEAD whether the layer exists.
        case .blobHead: [.pull, .push]
        case .manifestPut, .uploadStart, .uploadChunk, .uploadFinish, .uploadStatus, .uploadCancel: [.push]
        case .manifestDelete, .blobDelete: [.delete]
        }
    }
}
