import Testing

@testable import Registry

struct ECRHostTests {
    /// A region of each partition, and the domains of its classic hosts, of its services' dual-stack hosts and of its registries' dual-stack
    /// hosts (ECR 1.7; the API's hosts follow botocore's endpoint rules).
    static let partitions = [
        ("aws", "eu-west-1", "amazonaws.com", "api.aws", "on.aws"), ("aws", "ap-southeast-2", "amazonaws.com", "api.aws", "on.aws"),
        ("aws-cn", "cn-north-1", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "on.amazonwebservices.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com", "api.aws", "on.aws"),
        ("aws-eusc", "eusc-de-east-1", "amazonaws.eu", "api.amazonwebservices.eu", "on.amazonwebservices.eu"),
        ("aws-iso", "us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov", "on.aws.ic.gov"),
        ("aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov", "api.aws.scloud", "on.aws.scloud"),
        ("aws-iso-e", "eu-isoe-west-1", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "on.cloud-aws.adc-e.uk"),
        ("aws-iso-f", "us-isof-south-1", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "on.aws.hci.ic.gov"),
    ]

    @Test(arguments: partitions)
    func `a registry's host tells its account, its region and the hosts of its APIs`(
        _ one: (partition: String, region: String, suffix: String, dualStack: String, dualStackRegistry: String)
    ) throws {
        for fips in ["", "-fips"] {
            let classic = try #require(ECRHost("123456789012.dkr.ecr\(fips).\(one.region).\(one.suffix)"))
            let isShort = !fips.isEmpty && ["aws", "aws-us-gov"].contains(one.partition)
            #expect(classic.apiHost() == "\(isShort ? "" : "api.")ecr\(fips).\(one.region).\(one.suffix)")
            let dual = try #require(ECRHost("123456789012.dkr-ecr\(fips).\(one.region).\(one.dualStackRegistry)"))
            #expect(dual.apiHost() == "ecr\(fips).\(one.region).\(one.dualStack)")
            #expect(dual.stsHost() == "sts\(fips).\(one.region).\(one.dualStack)")
            #expect(!classic.isDualStack && dual.isDualStack)
            for host in [classic, dual] {
                #expect(host.account == "123456789012" && host.region == one.region && host.partitionName == one.partition)
                #expect(host.isFIPS == !fips.isEmpty && !host.isPublic)
            }
        }
    }

    @Test(arguments: [
        ("ecr.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"),
        ("ecr-fips.us-east-1.amazonaws.com", "sts-fips.us-east-1.amazonaws.com"),
        ("ecr-fips.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"),
        ("ecr.cn-northwest-1.amazonaws.com.cn", "sts.cn-northwest-1.amazonaws.com.cn"),
    ])
    func `STS is called in the registry's region`(_ registry: String, _ expected: String) {
        #expect(ECRHost("123456789012.dkr.\(registry)")?.stsHost() == expected)
    }

    @Test func `the case of a host's letters does not matter`() {
        #expect(ECRHost("123456789012.DKR.ecr.EU-west-1.amazonaws.com")?.host == "123456789012.dkr.ecr.eu-west-1.amazonaws.com")
    }

    @Test func `ECR Public has no account`() throws {
        let host = try #require(ECRHost("public.ecr.aws"))
        #expect(host.isPublic && host.account == nil && host.apiHost() == "api.ecr-public.us-east-1.amazonaws.com")
    }

    @Test(arguments: [
        "", "registry.example.com", "public.ecr.aws.example.com", "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
        "1234567890123.dkr.ecr.eu-west-1.amazonaws.com", "12345678901a.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
        "123456789012.dkr.ecr.eu-west-1.evil.example", "123456789012.dkr.ecr.eu-west-1.amazonaws.com:443",
        "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.", "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn", "123456789012.dkr.ecr.eu-west-1.on.aws",
        "123456789012.dkr-ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.eu-west.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-.amazonaws.com", "123456789012.dkr.ecr.mars-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1x.amazonaws.com", "123456789012.dkr.ecr..amazonaws.com",
    ])
    func `any other host is not a registry of ECR`(_ text: String) {
        #expect(ECRHost(text) == nil)
    }
}
