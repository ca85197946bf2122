/// An IAM role to assume, and how (ECR 4.3).
package struct AssumedRole: Sendable, Hashable {
    /// `arn:aws:iam::123456789012:role/pull`
    package var arn: String
    /// The session's name in CloudTrail: 2 to 64 characters.
    package var sessionName: String
    /// What the role's trust policy may ask for; nil: none.
    package var externalID: String?
    /// How long a session lasts: 900 to 43,200 seconds; nil: STS's default of an hour.
    package var seconds: Int?

    /// The defaults are those of the configuration file.
    package init(arn: String, sessionName: String = "berth", externalID: String? = nil, seconds: Int? = nil) {
        (self.arn, self.sessionName, self.externalID, self.seconds) = (arn, sessionName, externalID, seconds)
    }
}
