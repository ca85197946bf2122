/// A registry of Amazon ECR by its host: account, region and partition are read from it (ECR 1.7).
package struct ECRHost: Sendable, Equatable {
    /// In lower case.
    package let host: String
    /// Twelve digits; nil for ECR Public.
    package let account: String?
    package let region: String
    package let isFIPS: Bool
    package let isDualStack: Bool
    private let partition: Partition

    package static let allowed = "an ECR host such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com, or public.ecr.aws"
    /// ECR Public, by its classic name and by the one that is reached over IPv6 too.
    private static let publicHost = "public.ecr.aws", publicDualStackHost = "ecr-public.aws.com"

    /// nil for any other host.
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

    package var isPublic: Bool { account == nil }

    /// Where `GetAuthorizationToken` is asked. The environment may ask for FIPS or dual-stack endpoints where the host does not.
    package func apiHost(fips: Bool = false, dualStack: Bool = false) -> String {
        partition.host(
            of: isPublic ? .ecrPublic : .ecr, in: region, fips: isFIPS || fips, dualStack: isDualStack || dualStack)
    }

    /// Of the same region, and reached in the same ways.
    package func stsHost(fips: Bool = false, dualStack: Bool = false) -> String {
        partition.host(of: .sts, in: region, fips: isFIPS || fips, dualStack: isDualStack || dualStack)
    }

    /// `aws`, `aws-cn`, …: as it stands in ARNs.
    package var partitionName: String { partition.name }
    /// What the partition's hosts end in: `amazonaws.com`.
    package var partitionSuffix: String { partition.suffix }

    /// Whether a host is one of AWS's own in this registry's partition: its S3, and what else it names itself.
    package func isBesideAWS(_ host: String) -> Bool {
        [partition.suffix, partition.dualStackSuffix, partition.dualStackRegistrySuffix].contains { host.hasSuffix("." + $0) }
    }
}
