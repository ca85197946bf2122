/// An identity in AWS.
struct Caller {
    /// `arn:aws:iam::123456789012:user/sandbox` or an assumed role's.
    var arn: String
    var userID: String
}
