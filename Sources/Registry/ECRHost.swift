/// A registry of Amazon ECR by its host: account, region and partition are read from it (wire 1.7).
public struct ECRHost: Sendable, Equatable {
    /// In lower case.
    public let host: String
    /// Twelve digits; nil for ECR Public.
    public let account: String?
    public let region: String
    public let isFIPS: Bool
    public let isDualStack: Bool
    private let partition: Partition

    public static let allowed = "an ECR host such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com, or public.ecr.aws"
    public static let publicHost = "public.ecr.aws"

    /// nil for any other host.
    public init?(_ text: String) {
        host = text.lowercased()
        if host == Self.publicHost {
            (account, region, isFIPS, isDualStack, partition) = (nil, "us-east-1", false, false, Partition.all[0])
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
        guard let region = rest.first, let partition = Partition.all.first(where: { $0.regions.contains(where: region.hasPrefix) }),
            Self.isRegion(region)
        else { return nil }
        let suffix = rest.dropFirst().joined(separator: ".")
        isDualStack = labels[1] != "dkr"
        guard suffix == (isDualStack ? partition.dualStackRegistrySuffix : partition.suffix) else { return nil }
        (self.account, self.region, self.partition) = (account, region, partition)
        isFIPS = service == "ecr-fips"
    }

    /// `eu-west-1`, `us-gov-west-1`: three words at least, a number at the end.
    private static func isRegion(_ text: String) -> Bool {
        let words = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return words.count >= 3 && words.dropLast().allSatisfy { !$0.isEmpty && $0.allSatisfy { $0 &- 97 < 26 } }
            && words[words.count - 1].allSatisfy { $0 &- 48 < 10 } && !words[words.count - 1].isEmpty
    }

    public var isPublic: Bool { account == nil }

    /// Where `GetAuthorizationToken` is asked. The environment may ask for FIPS or dual-stack endpoints where the host does not.
    public func apiHost(fips: Bool = false, dualStack: Bool = false) -> String {
        if isPublic { return "api.ecr-public.us-east-1.amazonaws.com" }
        let suffix = isFIPS || fips ? "-fips" : ""
        if isDualStack || dualStack { return "ecr\(suffix).\(region).\(partition.dualStackSuffix)" }
        return "api.ecr\(suffix).\(region).\(partition.suffix)"
    }

    /// Of the same region, and reached in the same ways. GovCloud's one needs no `-fips` (botocore's rules of STS).
    public func stsHost(fips: Bool = false, dualStack: Bool = false) -> String {
        let isFIPS = isFIPS || fips
        if isDualStack || dualStack { return "sts\(isFIPS ? "-fips" : "").\(region).\(partition.dualStackSuffix)" }
        return "sts\(isFIPS && partition.name != "aws-us-gov" ? "-fips" : "").\(region).\(partition.suffix)"
    }

    /// `aws`, `aws-cn`, …: as it stands in ARNs.
    public var partitionName: String { partition.name }
    /// What the partition's hosts end in: `amazonaws.com`.
    public var partitionSuffix: String { partition.suffix }

    /// Whether a host is one of AWS's own in this registry's partition: its S3, and what else it names itself.
    public func isBesideAWS(_ host: String) -> Bool {
        [partition.suffix, partition.dualStackSuffix, partition.dualStackRegistrySuffix].contains { host.hasSuffix("." + $0) }
    }

    private struct Partition: Equatable {
        let name: String
        /// What its regions begin with.
        let regions: [String]
        let suffix: String
        let dualStackSuffix: String
        let dualStackRegistrySuffix: String

        /// Those whose regions begin alike stand in the order to ask.
        static let all = [
            Partition(
                name: "aws",
                regions: [
                    "us-east-", "us-west-", "us-central-", "us-north", "us-south", "eu-west-", "eu-central-", "eu-north-",
                    "eu-south-",
                    "eu-east-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-",
                ],
                suffix: "amazonaws.com", dualStackSuffix: "api.aws", dualStackRegistrySuffix: "on.aws"),
            Partition(
                name: "aws-cn", regions: ["cn-"], suffix: "amazonaws.com.cn", dualStackSuffix: "api.amazonwebservices.com.cn",
                dualStackRegistrySuffix: "on.amazonwebservices.com.cn"),
            Partition(
                name: "aws-us-gov", regions: ["us-gov-"], suffix: "amazonaws.com", dualStackSuffix: "api.aws",
                dualStackRegistrySuffix: "on.aws"),
            Partition(
                name: "aws-eusc", regions: ["eusc-"], suffix: "amazonaws.eu", dualStackSuffix: "api.amazonwebservices.eu",
                dualStackRegistrySuffix: "on.amazonwebservices.eu"),
            Partition(
                name: "aws-iso", regions: ["us-iso-"], suffix: "c2s.ic.gov", dualStackSuffix: "api.aws.ic.gov",
                dualStackRegistrySuffix: "on.aws.ic.gov"),
            Partition(
                name: "aws-iso-b", regions: ["us-isob-"], suffix: "sc2s.sgov.gov", dualStackSuffix: "api.aws.scloud",
                dualStackRegistrySuffix: "on.aws.scloud"),
            Partition(
                name: "aws-iso-e", regions: ["eu-isoe-"], suffix: "cloud.adc-e.uk", dualStackSuffix: "api.cloud-aws.adc-e.uk",
                dualStackRegistrySuffix: "on.cloud-aws.adc-e.uk"),
            Partition(
                name: "aws-iso-f", regions: ["us-isof-"], suffix: "csp.hci.ic.gov", dualStackSuffix: "api.aws.hci.ic.gov",
                dualStackRegistrySuffix: "on.aws.hci.ic.gov"),
        ]
    }
}
