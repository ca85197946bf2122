/// AWS's host names of the emulated services (ECR 1.7).
struct AWSHosts {
    let account, region: String
    var registry: String { "\(account).dkr.ecr.\(region).amazonaws.com" }
    var api: String { "api.ecr.\(region).amazonaws.com" }
    /// ECR Public, which is in one region only (ECR 2.2): the classic names first, then the dual-stack ones.
    static let publicRegistries = ["public.ecr.aws", "ecr-public.aws.com"], publicRegion = "us-east-1"
    static let publicAPIs = ["api.ecr-public.us-east-1.amazonaws.com", "ecr-public.us-east-1.api.aws"]
    /// The FIPS hosts of the API and of STS.
    var fips: [String] { ["ecr-fips.\(region).amazonaws.com", "sts-fips.\(region).amazonaws.com"] }
    var sts: String { "sts.\(region).amazonaws.com" }
    var bucket: String { "prod-\(region)-starport-layer-bucket.s3.\(region).amazonaws.com" }
}
