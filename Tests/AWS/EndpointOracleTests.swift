import Foundation
import Registry
import Testing
import Transport

@testable import AWS

/// Every host of every region that botocore knows, and of some that do not exist yet, compared with botocore's.
@Suite struct EndpointOracleTests {
    private struct Case: Decodable {
        let service: String, region: String, fips: Bool, dualStack: Bool, rules: String, table: String?

        /// By botocore's rules. They differ from its table in ECR's FIPS hosts of two partitions, where AWS's documentation agrees with the table.
        var expected: String? {
            guard service == "ecr", fips, !dualStack, let table, table != rules else { return rules }
            return table
        }
    }

    @Test(.needsBotocore) func `every host is the one that botocore uses`() async throws {
        let cases: [Case] = try await Botocore.cases("endpoint-oracle")
        #expect(cases.count > 900)
        for one in cases {
            let partition = try #require(Partition(ofRegion: one.region), "\(one.region)")
            let service = try #require(Partition.Service(rawValue: one.service))
            let host = partition.host(of: service, in: one.region, fips: one.fips, dualStack: one.dualStack)
            #expect(host == one.expected, "\(one)")
        }
    }

    /// FIPS and dual-stack are requested by the registry's host or by the settings.
    @Test(.needsBotocore) func `a FIPS or dual-stack registry uses the API hosts of its kind`() async throws {
        let cases: [Case] = try await Botocore.cases("endpoint-oracle")
        for one in cases where one.service == "ecr" || one.service == "sts" {
            let plain = try #require(Self.registries(one.region).first.flatMap { ECRHost($0) })
            let hosts = [plain] + Self.registries(one.region, fips: one.fips, dualStack: one.dualStack).compactMap { ECRHost($0) }
            for host in hosts {
                let called =
                    one.service == "ecr"
                    ? host.apiHost(fips: one.fips, dualStack: one.dualStack)
                    : host.stsHost(fips: one.fips, dualStack: one.dualStack)
                #expect(called == one.expected, "\(host.host): \(one)")
            }
        }
    }

    private static func registries(_ region: String, fips: Bool = false, dualStack: Bool = false) -> [String] {
        let suffixes = [
            "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov", "cloud.adc-e.uk", "csp.hci.ic.gov",
        ]
        let dual = ["on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu", "on.aws.ic.gov", "on.aws.scloud"]
        let name = fips ? "ecr-fips" : "ecr"
        return (dualStack ? dual : suffixes).map { "123456789012.dkr\(dualStack ? "-" : ".")\(name).\(region).\($0)" }
            .filter { ECRHost($0) != nil }
    }

    @Test(arguments: [("public.ecr.aws", false), ("ecr-public.aws.com", true)])
    func `ECR Public has two names`(_ name: String, _ isDualStack: Bool) throws {
        let host = try #require(ECRHost(name))
        #expect(host.isPublic && host.isDualStack == isDualStack && host.region == "us-east-1")
        #expect(host.apiHost() == (isDualStack ? "ecr-public.us-east-1.api.aws" : "api.ecr-public.us-east-1.amazonaws.com"))
        #expect(host.apiHost(dualStack: true) == "ecr-public.us-east-1.api.aws")
    }

    // MARK: Settings

    private static let config = """
        [default]
        use_dualstack_endpoint = true
        [profile fips]
        use_fips_endpoint = TRUE
        [profile off]
        use_fips_endpoint = false
        [profile odd]
        use_fips_endpoint = yes
        [profile deaf]
        endpoint_url = http://127.0.0.1:1
        ignore_configured_endpoint_urls = true
        [profile given]
        endpoint_url = http://127.0.0.1:1
        """

    @Test(
        arguments: [
            ([:], nil, "dual"), ([:], "fips", "fips"), (["AWS_PROFILE": "fips\n"], nil, "fips"), ([:], "off", ""),
            (["AWS_USE_FIPS_ENDPOINT": "True\r\n"], "off", "fips"), (["AWS_USE_FIPS_ENDPOINT": "false"], "fips", ""),
            (["AWS_USE_FIPS_ENDPOINT": ""], "fips", "fips"), (["AWS_USE_DUALSTACK_ENDPOINT": "true"], "fips", "fips dual"),
            (["AWS_USE_FIPS_ENDPOINT": "1"], "off", "AWS_USE_FIPS_ENDPOINT is '1'; set it to true or false"),
            ([:], "odd", "config:8: use_fips_endpoint is 'yes'; set it to true or false"), ([:], "deaf", ""),
            (["AWS_USE_FIPS_ENDPOINT": "true"], "given", "127.0.0.1"),
            (["AWS_ENDPOINT_URL_ECR": "http://127.0.0.2:80\n", "AWS_USE_FIPS_ENDPOINT": "true"], "off", "127.0.0.2"),
        ] as [([String: String], String?, String)])
    func `variables take precedence over the profile`(_ environment: [String: String], _ profile: String?, _ expected: String)
        throws
    {
        let files = try TemporaryFiles(["config": Self.config])
        let environment = environment.merging([
            "AWS_CONFIG_FILE": files.path("config"), "AWS_SHARED_CREDENTIALS_FILE": files.path("none"),
        ]) { $1 }
        let settings = EndpointSettings(environment: environment, profile: profile)
        do throws(CredentialError) {
            let endpoint = try settings.endpoint(of: "ECR", region: "eu-west-1") {
                [$0 ? "fips" : nil, $1 ? "dual" : nil].compactMap { $0 }.joined(separator: " ")
            }
            #expect(endpoint.url.host == expected)
        } catch { #expect(error.message.hasSuffix(expected), "\(error)") }
    }
}
