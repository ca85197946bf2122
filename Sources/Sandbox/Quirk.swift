/// Behaviour of ECR that registry clients do not expect, each of which can be switched. The raw value is the name in `POST /quirks`.
package enum Quirk: String, Sendable, CaseIterable {
    // Authentication (ECR 1.1).
    case expiredTokenForbidden = "expired_token_403"
    case expiredTokenOldText = "expired_token_old_text"
    case malformedTokenBadRequest = "malformed_token_400"

    // Uploads (ECR 1.5).
    case patchCreated = "patch_created"
    case absoluteLocation = "absolute_location"
    case uploadUUID = "upload_uuid"
    case chunkMinimumLength = "chunk_min_length"
    case partMinimum = "part_minimum_5mib"
    case emptyUploadRejected = "empty_upload_refused"
    case outOfOrderRejected = "out_of_order_416"
    case largeChunkReset = "large_chunk_reset"
    case staleRange = "stale_range"
    case missingRepositoryDropped = "missing_repository_dropped"
    case blobMounting = "blob_mounting"
    case createOnPush = "create_on_push"

    // Blobs (ECR 1.4).
    case blobRedirect = "blob_redirect"
    case unreferencedBlobHidden = "unreferenced_blob_hidden"
    case s3ExpiredToken = "s3_expired_token"

    // Manifests (ECR 1.2, 1.3).
    case manifestDigestOnGet = "manifest_digest_on_get"
    case emptySizes = "empty_sizes"
    case manifestLocation = "manifest_location"
    case referencesChecked = "references_checked"
    case mediaTypeRequired = "media_type_required"
    case putImageRate = "put_image_rate"
    case deleteManifest = "delete_manifest"
    case referrers = "referrers"

    // Lists and errors (ECR 1.2, 1.3).
    case invalidParameterNotAllowed = "invalid_parameter_405"
    case tagsTextPlain = "tags_text_plain"
    case absoluteLink = "absolute_link"

    // Instance metadata (ECR 4.5).
    case metadataV1 = "metadata_v1"

    /// ECR's behaviour today, except for two: observations of `staleRange` do not agree, and with `putImageRate` tests would have to wait.
    package var isOnByDefault: Bool {
        switch self {
        case .expiredTokenOldText, .uploadUUID, .staleRange, .missingRepositoryDropped, .blobMounting, .createOnPush,
            .s3ExpiredToken,
            .manifestDigestOnGet, .manifestLocation, .putImageRate, .metadataV1:
            false
        default: true
        }
    }

    /// What it does when it is on, for `berth sandbox --help`.
    package var meaning: String {
        switch self {
        case .expiredTokenForbidden: "an expired token gives 403 without a challenge; off: 401 with one, as other registries do"
        case .expiredTokenOldText: "the expired token's text is that of 2016"
        case .malformedTokenBadRequest: "a token that does not decode gives 400; off: 401"
        case .patchCreated: "PATCH responds with 201; off: 202"
        case .absoluteLocation: "Location is absolute, built from Host; off: a path"
        case .uploadUUID: "Docker-Upload-UUID is sent"
        case .chunkMinimumLength: "OCI-Chunk-Min-Length is sent"
        case .partMinimum: "a part below 5 MiB that is not the last fails the final PUT"
        case .emptyUploadRejected: "an upload without any bytes cannot be completed"
        case .outOfOrderRejected: "a chunk that does not start where the last one ended gives 416; off: it is appended"
        case .largeChunkReset: "a chunk with Content-Range above 10 MiB has its connection reset"
        case .staleRange: "Range of the second and later PATCH stays at the first one's value"
        case .missingRepositoryDropped: "a POST to a missing repository has its connection dropped, as until 2023"
        case .blobMounting: "?mount=&from= is honoured (the account setting BLOB_MOUNTING)"
        case .createOnPush: "a push to a missing repository creates it (a creation template for CREATE_ON_PUSH)"
        case .blobRedirect: "GET of a blob redirects to S3; off: the registry serves it"
        case .unreferencedBlobHidden: "GET of a blob that no manifest refers to fails, though HEAD finds it"
        case .s3ExpiredToken: "expired presigned URLs give 400 ExpiredToken; off: 403 AccessDenied"
        case .manifestDigestOnGet: "GET of a manifest has Docker-Content-Digest"
        case .emptySizes: "HEAD of a manifest has an empty Sizes"
        case .manifestLocation: "PUT of a manifest has Location"
        case .referencesChecked: "Layers and children must exist before the manifest that refers to them is pushed"
        case .mediaTypeRequired: "a manifest without mediaType is rejected"
        case .putImageRate: "more than ten manifests pushed in a second give 429"
        case .deleteManifest: "manifests can be deleted; off: 404, as until 2023"
        case .referrers: "the referrers endpoint exists; off: 404, as until 2024"
        case .invalidParameterNotAllowed: "an invalid parameter gives 405 UNSUPPORTED; off: 400"
        case .tagsTextPlain: "tags/list is text/plain; off: application/json"
        case .absoluteLink: "link is an absolute URL; off: a path"
        case .metadataV1: "version 1, without a session token, is enabled"
        }
    }
}
