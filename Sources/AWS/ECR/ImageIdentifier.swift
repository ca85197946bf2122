/// Names an image to ECR's API.
package enum ImageIdentifier: Sendable, Equatable {
    /// A tag, without the repository.
    case tag(String)
    /// `sha256:…`
    case digest(String)
}
