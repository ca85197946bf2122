/// Who credentials are, in AWS's view.
package struct CallerIdentity: Sendable, Equatable {
    /// `arn:aws:sts::123456789012:assumed-role/pull/berth`
    package var arn: String
    /// Twelve digits.
    package var account: String
}
