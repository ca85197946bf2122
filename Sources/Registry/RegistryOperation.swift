/// What a principal may be allowed to do with a repository.
package enum Action: String, Sendable, CaseIterable {
    case pull, push, delete, list
}

/// What a request does: its endpoint and method. The names are labels of metrics and of the log.
package enum RegistryOperation: String, Sendable, CaseIterable {
    case ping, catalog, tags
    case manifestGet = "manifest_get", manifestHead = "manifest_head", manifestPut = "manifest_put", manifestDelete =
        "manifest_delete"
    case blobGet = "blob_get", blobHead = "blob_head", blobDelete = "blob_delete"
    case uploadStart = "upload_start", uploadChunk = "upload_chunk", uploadFinish = "upload_finish"
    case uploadStatus = "upload_status", uploadCancel = "upload_cancel"
    case referrers
    /// What was refused before it was known what it would have been.
    case other

    /// Its place in `allCases`: what counters are indexed by.
    package var index: Int { Self.allCases.firstIndex(of: self) ?? Self.allCases.count - 1 }

    /// The methods of an endpoint and what each does there (distribution spec, "Endpoints").
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

    /// What it does, for people: "may not …".
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

    /// Any one of these is enough.
    package var actions: [Action] {
        switch self {
        case .ping, .other: []
        case .catalog: [.list]
        case .tags: [.list, .pull]
        case .manifestGet, .manifestHead, .blobGet, .referrers: [.pull]
        // A push asks with HEAD whether a layer is there before it sends it.
        case .blobHead: [.pull, .push]
        case .manifestPut, .uploadStart, .uploadChunk, .uploadFinish, .uploadStatus, .uploadCancel: [.push]
        case .manifestDelete, .blobDelete: [.delete]
        }
    }
}
