/// A role that a profile gets from IAM Identity Center (ECR 4.2).
struct SingleSignOnGrant: Equatable, Sendable {
    /// The token's file is named after this: the session's name or the start URL.
    let cacheName: String
    let region: String
    let account: String, role: String
    let profile: String
}
