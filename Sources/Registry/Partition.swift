/// A partition of AWS: regions whose hosts share a domain (ECR 1.7). The hosts follow botocore's endpoint rules.
package struct Partition: Sendable, Equatable {
    /// The services that Berth calls. `sso` is the portal that gives role credentials.
    package enum Service: String, Sendable, CaseIterable { case ecr, ecrPublic, sts, sso, ssoOIDC }

    /// As in ARNs: `aws`, `aws-cn`.
    package let name: String
    /// The domain of its hosts: `amazonaws.com`.
    package let suffix: String
    let dualStackSuffix: String
    /// Registries have a dual-stack suffix of their own.
    let dualStackRegistrySuffix: String
    /// The starts of its regions' names; two words follow, as in `us-gov-west-1`.
    private let regions: [String]

    /// Returns nil when no partition has regions with such a name.
    package init?(ofRegion region: String) {
        let words = region.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count > 2, words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isLetterOrDigit) }),
            words[words.count - 1].utf8.allSatisfy(Self.isDigit)
        else { return nil }
        let start = words.dropLast(2).joined(separator: "-")
        guard let partition = Self.all.first(where: { $0.regions.contains(start) }) else { return nil }
        self = partition
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { byte &- 97 < 26 || isDigit(byte) }

    /// AWS's host of a service in one of the partition's regions.
    /// - Parameters:
    ///   - fips: the FIPS endpoint.
    ///   - dualStack: the endpoint with IPv6 addresses too.
    package func host(of service: Service, in region: String, fips: Bool = false, dualStack: Bool = false) -> String {
        let isGovernment = name == "aws-us-gov"
        let isClassicFIPS = fips && !dualStack
        let label =
            switch service {
            // In these two partitions AWS documents the FIPS hosts without `api.` (ECR 1.7).
            case .ecr: dualStack || (isClassicFIPS && (name == "aws" || isGovernment)) ? "ecr" : "api.ecr"
            case .ecrPublic: dualStack && !fips && name == "aws" ? "ecr-public" : "api.ecr-public"
            case .sts: "sts"
            case .sso: "portal.sso"
            case .ssoOIDC: "oidc"
            }
        // GovCloud's hosts of these services are FIPS endpoints without `-fips` in their name.
        let isPlain = isClassicFIPS && isGovernment && [.sts, .sso, .ssoOIDC].contains(service)
        return "\(label)\(fips && !isPlain ? "-fips" : "").\(region).\(dualStack ? dualStackSuffix : suffix)"
    }

    static let aws = Partition(
        name: "aws", suffix: "amazonaws.com", dualStackSuffix: "api.aws", dualStackRegistrySuffix: "on.aws",
        regions: ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"])

    private static let all = [
        aws,
        Partition(
            name: "aws-cn", suffix: "amazonaws.com.cn", dualStackSuffix: "api.amazonwebservices.com.cn",
            dualStackRegistrySuffix: "on.amazonwebservices.com.cn", regions: ["cn"]),
        Partition(
            name: "aws-us-gov", suffix: "amazonaws.com", dualStackSuffix: "api.aws", dualStackRegistrySuffix: "on.aws",
            regions: ["us-gov"]),
        Partition(
            name: "aws-eusc", suffix: "amazonaws.eu", dualStackSuffix: "api.amazonwebservices.eu",
            dualStackRegistrySuffix: "on.amazonwebservices.eu", regions: ["eusc-de"]),
        Partition(
            name: "aws-iso", suffix: "c2s.ic.gov", dualStackSuffix: "api.aws.ic.gov", dualStackRegistrySuffix: "on.aws.ic.gov",
            regions: ["us-iso"]),
        Partition(
            name: "aws-iso-b", suffix: "sc2s.sgov.gov", dualStackSuffix: "api.aws.scloud",
            dualStackRegistrySuffix: "on.aws.scloud", regions: ["us-isob"]),
        Partition(
            name: "aws-iso-e", suffix: "cloud.adc-e.uk", dualStackSuffix: "api.cloud-aws.adc-e.uk",
            dualStackRegistrySuffix: "on.cloud-aws.adc-e.uk", regions: ["eu-isoe"]),
        Partition(
            name: "aws-iso-f", suffix: "csp.hci.ic.gov", dualStackSuffix: "api.aws.hci.ic.gov",
            dualStackRegistrySuffix: "on.aws.hci.ic.gov", regions: ["us-isof"]),
    ]

    private init(name: String, suffix: String, dualStackSuffix: String, dualStackRegistrySuffix: String, regions: [String]) {
        (self.name, self.suffix, self.regions) = (name, suffix, regions)
        (self.dualStackSuffix, self.dualStackRegistrySuffix) = (dualStackSuffix, dualStackRegistrySuffix)
    }
}
