/// The result of a BatchDeleteImage of one image.
package enum ImageDeletion: Sendable, Equatable {
    /// The image or tag is gone; or there was none.
    case deleted, notFound
    /// ECR keeps the image, with its code and sentence: `ImageReferencedByManifestList`, …
    case rejected(code: String, reason: String)
}
