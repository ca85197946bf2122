/// Behaviour of ECR that registry clients do not expect, each of which can be switched. The raw value is the name in `POST /quirks`.
package enum Quirk: String, Sendable, CaseIterable {
    // Authentication (ECR 1.1).
    /// An expired token gives 403 without a challenge; off: 401 with one, as other registries do.
    case expiredTokenForbidden = "expired_token_403"
    /// The expired token's text is that of 2016.
    case expiredTokenOldText = "expired_token_old_text"
    /// A token that does not decode gives 400; off: 401.
    case malformedTokenBadRequest = "malformed_token_400"

    // Uploads (ECR 1.5).
    /// PATCH responds with 201; off: 202.
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
    case emptyUploadRejected = "empty_upload_refused"
    /// A chunk that does not start where the last one ended gives 416; off: it is appended.
    case outOfOrderRejected = "out_of_order_416"
    /// A chunk with `Content-Range` above 10 MiB has its connection reset.
    case largeChunkReset = "large_chunk_reset"
    /// `Range` of the second and later PATCH stays at the first one's value. Off by default, as not all observations agree.
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
    /// Expired presigned URLs give 400 `ExpiredToken`; off: 403 "Request has expired".
    case s3ExpiredToken = "s3_expired_token"

    // Manifests (ECR 1.2, 1.3).
    /// GET of a manifest has `Docker-Content-Digest`.
    case manifestDigestOnGet = "manifest_digest_on_get"
    /// HEAD of a manifest has an empty `Sizes`.
    case emptySizes = "empty_sizes"
    /// PUT of a manifest has `Location`.
    case manifestLocation = "manifest_location"
    /// Layers and children must exist before the manifest that refers to them is pushed.
    case referencesChecked = "references_checked"
    /// A manifest without `mediaType` is rejected.
    case mediaTypeRequired = "media_type_required"
    /// More than ten manifests pushed in a second give 429. Off by default, unlike ECR, so that tests need not wait.
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
    /// Version 1, without a session token, is enabled.
    case metadataV1 = "metadata_v1"

    /// ECR's behaviour today, except for the two whose comments say otherwise.
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
