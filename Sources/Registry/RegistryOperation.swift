/// What a request does, by its endpoint and method. The raw values are labels in metrics and in the access log.
package enum RegistryOperation: String, Sendable, CaseIterable {
    /// The endpoints that have only one operation; HEAD of `/v2/` is `ping` too.
    case ping, catalog, tags
    /// On a manifest, by tag or digest.
    case manifestGet = "manifest_get", manifestHead = "manifest_head", manifestPut = "manifest_put", manifestDelete =
        "manifest_delete"
    /// On a blob.
    case blobGet = "blob_get", blobHead = "blob_head", blobDelete = "blob_delete"
    /// POST, PATCH and PUT of an upload.
    case uploadStart = "upload_start", uploadChunk = "upload_chunk", uploadFinish = "upload_finish"
    /// GET and DELETE of an upload session.
    case uploadStatus = "upload_status", uploadCancel = "upload_cancel"
    /// The list of manifests that refer to a subject.
    case referrers
    /// A request that was rejected before its operation was known.
    case other

    /// The position in `allCases`, which counters are indexed by.
    package var index: Int { Self.allCases.firstIndex(of: self) ?? Self.allCases.count - 1 }

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
    package var actions: [Action] {
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
