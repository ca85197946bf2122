/// Where ECR departs from what a registry client expects, and where the sandbox can be told to behave otherwise. The raw value
/// is the name in `POST /quirks`.
package enum Quirk: String, Sendable, CaseIterable {
    // The login (ECR 1.1).
    /// An expired token gives 403 without a challenge; off: 401 with one, as other registries do.
    case expiredTokenForbidden = "expired_token_403"
    /// The expired token's text is that of 2016.
    case expiredTokenOldText = "expired_token_old_text"
    /// A token that does not decode gives 400; off: 401.
    case malformedTokenBadRequest = "malformed_token_400"

    // Uploads (ECR 1.5).
    /// PATCH answers 201; off: 202.
    case patchCreated = "patch_created"
    /// `Location` is absolute, built from `Host`; off: a path.
    case absoluteLocation = "absolute_location"
    /// `Docker-Upload-UUID` is sent.
    case uploadUUID = "upload_uuid"
    /// `OCI-Chunk-Min-Length` is sent.
    case chunkMinimumLength = "chunk_min_length"
    /// A part below 5 MiB that is not the last fails the final PUT.
    case partMinimum = "part_minimum_5mib"
    /// An upload without any bytes cannot be completed.
    case emptyUploadRefused = "empty_upload_refused"
    /// A chunk that does not start where the last one ended gives 416; off: it is appended.
    case outOfOrderRefused = "out_of_order_416"
    /// A chunk with `Content-Range` above 10 MiB has its connection reset.
    case largeChunkReset = "large_chunk_reset"
    /// `Range` of the second and later PATCH stays at the first one's value. Not seen by everybody, so off.
    case staleRange = "stale_range"
    /// A POST to a missing repository has its connection dropped, as until 2023.
    case missingRepositoryDropped = "missing_repository_dropped"
    /// `?mount=&from=` is honoured (the account setting BLOB_MOUNTING).
    case blobMounting = "blob_mounting"
    /// A push to a missing repository creates it (a creation template for CREATE_ON_PUSH).
    case createOnPush = "create_on_push"

    // Blobs (ECR 1.4).
    /// GET of a blob redirects to S3; off: the registry serves it.
    case blobRedirect = "blob_redirect"
    /// GET of a blob that no manifest refers to fails, though HEAD finds it.
    case unreferencedBlobHidden = "unreferenced_blob_hidden"
    /// Presigned URLs that are over answer 400 `ExpiredToken`; off: 403 "Request has expired".
    case s3ExpiredToken = "s3_expired_token"

    // Manifests (ECR 1.2, 1.3).
    /// GET of a manifest has `Docker-Content-Digest`.
    case manifestDigestOnGet = "manifest_digest_on_get"
    /// HEAD of a manifest has an empty `Sizes`.
    case emptySizes = "empty_sizes"
    /// PUT of a manifest has `Location`.
    case manifestLocation = "manifest_location"
    /// Layers and children must be there before the manifest that refers to them.
    case referencesChecked = "references_checked"
    /// A manifest without `mediaType` in it is refused.
    case mediaTypeRequired = "media_type_required"
    /// More than ten manifests pushed a second give 429. Off, unlike ECR, so that tests need not wait.
    case putImageRate = "put_image_rate"
    /// Manifests can be deleted; off: 404, as until 2023.
    case deleteManifest = "delete_manifest"
    /// The referrers endpoint exists; off: 404, as until 2024.
    case referrers = "referrers"

    // Lists and errors (ECR 1.2, 1.3).
    /// An invalid parameter gives 405 UNSUPPORTED; off: 400.
    case invalidParameterNotAllowed = "invalid_parameter_405"
    /// `tags/list` is `text/plain`; off: `application/json`.
    case tagsTextPlain = "tags_text_plain"
    /// `Link` is an absolute URL; off: a path.
    case absoluteLink = "absolute_link"

    // Instance metadata (ECR 4.5).
    /// Version 1, without a session token, is answered.
    case metadataV1 = "metadata_v1"

    /// As ECR does it today, but for the two that their comments name.
    package var isOnByDefault: Bool {
        switch self {
        case .expiredTokenOldText, .uploadUUID, .staleRange, .missingRepositoryDropped, .blobMounting, .createOnPush,
            .s3ExpiredToken,
            .manifestDigestOnGet, .manifestLocation, .putImageRate, .metadataV1:
            false
        default: true
        }
    }
}

/// The switches as they stand. Confined to the sandbox's loop.
final class Quirks {
    private var states: [Quirk: Bool]

    init(_ changes: [Quirk: Bool]) {
        states = Dictionary(uniqueKeysWithValues: Quirk.allCases.map { ($0, $0.isOnByDefault) }).merging(changes) { $1 }
    }

    subscript(_ quirk: Quirk) -> Bool {
        get { states[quirk] ?? quirk.isOnByDefault }
        set { states[quirk] = newValue }
    }

    var byName: [String: Bool] { Dictionary(uniqueKeysWithValues: Quirk.allCases.map { ($0.rawValue, self[$0]) }) }
}
