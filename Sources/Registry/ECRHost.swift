/// The host of an Amazon ECR registry, from which its account, region and partition are read (ECR 1.7).
package struct ECRHost: Sendable, Equatable {
    /// In lower case.
    package let host: String
    /// Twelve digits; nil for ECR Public.
    package let account: String?
    /// `eu-west-1`; `us-east-1` for ECR Public.
    package let region: String
    /// Whether the host is a FIPS endpoint.
    package let isFIPS: Bool
    /// Whether the host has IPv6 addresses too.
    package let isDualStack: Bool
    private let partition: Partition

    /// For error messages.
    package static let allowed = "\(allowedPrivate), or public.ecr.aws"
    /// Likewise, where ECR Public is none of them.
    package static let allowedPrivate = "an ECR host such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    /// ECR Public's classic host and its dual-stack host.
    private static let publicHost = "public.ecr.aws", publicDualStackHost = "ecr-public.aws.com"

    /// Returns nil for any other host. The case of letters does not matter.
    package init?(_ text: String) {
        host = text.lowercased()
        if host == Self.publicHost || host == Self.publicDualStackHost {
            (account, region, isFIPS, partition) = (nil, "us-east-1", false, .aws)
            isDualStack = host == Self.publicDualStackHost
            return
        }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let account = labels.first, account.utf8.count == 12, account.utf8.allSatisfy({ $0 &- 48 < 10 }), labels.count > 3
        else { return nil }
        let service: String
        let rest: [String]
        switch (labels[1], labels[2]) {
        case ("dkr", "ecr"), ("dkr", "ecr-fips"): (service, rest) = (labels[2], Array(labels[3...]))
        case ("dkr-ecr", _), ("dkr-ecr-fips", _): (service, rest) = (String(labels[1].dropFirst(4)), Array(labels[2...]))
        default: return nil
        }
        guard let region = rest.first, let partition = Partition(ofRegion: region) else { return nil }
        let suffix = rest.dropFirst().joined(separator: ".")
        isDualStack = labels[1] != "dkr"
        guard suffix == (isDualStack ? partition.dualStackRegistrySuffix : partition.suffix) else { return nil }
        (self.account, self.region, self.partition) = (account, region, partition)
        isFIPS = service == "ecr-fips"
    }

    /// Whether this is ECR Public.
    package var isPublic: Bool { account == nil }

    /// The host of the API that has GetAuthorizationToken.
    /// - Parameters:
    ///   - fips: requests a FIPS endpoint even where the registry's host is none.
    ///   - dualStack: likewise for dual-stack endpoints.
    package func apiHost(fips: Bool = false, dualStack: Bool = false) -> String {
        partition.host(
            of: isPublic ? .ecrPublic : .ecr, in: region, fips: isFIPS || fips, dualStack: isDualStack || dualStack)
    }

    /// The host of STS in the same region, of the same kind.
    /// - Parameters: as for `apiHost`.
    package func stsHost(fips: Bool = false, dualStack: Bool = false) -> String {
        partition.host(of: .sts, in: region, fips: isFIPS || fips, dualStack: isDualStack || dualStack)
    }

    /// As in ARNs: `aws`, `aws-cn`.
    package var partitionName: String { partition.name }
    /// The domain of the partition's hosts: `amazonaws.com`.
    package var partitionSuffix: String { partition.suffix }

    /// Whether a host is in one of AWS's domains in this registry's partition, such as S3's.
    /// - Parameter host: in lower case, without a port.
    package func isAWSHost(_ host: String) -> Bool {
        [partition.suffix, partition.dualStackSuffix, partition.dualStackRegistrySuffix].contains { host.hasSuffix("." + $0) }
    }
}
