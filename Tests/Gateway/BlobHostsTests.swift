import Configuration
import Registry
import Testing

@testable import Gateway

struct BlobHostsTests {
    private static let registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

    private static func judge(
        _ host: String, listed: [String]? = nil, connectTo: [String: String] = [:], registry: String = registry
    )
        throws -> BlobHosts.Judgement?
    {
        let location = Array("https://\(host)/layer?X-Amz-Signature=s".utf8)[...]
        let table = ConnectTo(try connectTo.map { try #require(ConnectTo.Entry($0.key, $0.value)) })
        guard let location = BlobLocation(location, connectTo: table) else { return nil }
        let patterns = try listed?.map { try #require(HostPattern($0)) }
        return BlobHosts(listed: patterns, registry: try #require(ECRHost(registry))).judge(location.origin)
    }

    @Test(
        arguments: [
            ("prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com", .anywhere),
            ("s3.dualstack.eu-west-1.AMAZONAWS.com", .anywhere),
            ("bucket.s3.eu-west-1.amazonaws.com.", .anywhere), ("x.s3.eu-west-1.api.aws", .anywhere),
            ("x.ecr.eu-west-1.on.aws", .anywhere),
            ("amazonaws.com", .publicly), ("evilamazonaws.com", .publicly), ("s3.amazonaws.com.evil.example", .publicly),
            ("s3.cn-north-1.amazonaws.com.cn", .publicly), ("production.cloudflare.docker.com", .publicly),
            ("d2glxqk2uabbnd.cloudfront.net", .publicly), ("cdn.example:8443", .publicly), ("1.1.1.1", .publicly),
            ("127.0.0.1", .nowhere), ("10.0.0.1:443", .nowhere), ("169.254.169.254", .nowhere), ("localhost", .nowhere),
            ("a.localhost.", .nowhere),
            ("[::1]", nil), ("2130706433", nil), ("127.1", nil), ("0x7f.0.0.1", nil), ("0x7f000001", nil), ("0177.0.0.1", nil),
            ("evil.example.1", nil), ("user@evil.example", nil), (".", nil), ("", nil),
        ] as [(String, BlobHosts.Judgement?)])
    func `a redirect to AWS or to a public address is followed`(host: String, judgement: BlobHosts.Judgement?) throws {
        #expect(try Self.judge(host) == judgement)
    }

    @Test func `each partition has its own AWS hosts`() throws {
        let china = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
        #expect(try Self.judge("x.s3.cn-north-1.amazonaws.com.cn", registry: china) == .anywhere)
        #expect(try Self.judge("x.s3.cn-north-1.amazonaws.com", registry: china) == .publicly)
        #expect(try Self.judge("d5l0dvt14r5h8.cloudfront.net", registry: "public.ecr.aws") == .publicly)
    }

    @Test func `blob_hosts excludes other hosts, and allows private ones`() throws {
        let listed = ["*.Example.com", "cdn.internal", "10.0.0.1"]
        for host in ["a.example.com", "cdn.internal", "CDN.internal.", "10.0.0.1"] {
            #expect(try Self.judge(host, listed: listed) == .anywhere)
        }
        for host in ["example.com", "cdn.internal.evil", "bucket.s3.eu-west-1.amazonaws.com", "1.1.1.1"] {
            #expect(try Self.judge(host, listed: listed) == .nowhere)
        }
        #expect(try Self.judge("s3.amazonaws.com", listed: []) == .nowhere)
    }

    @Test func `a host of connect_to is allowed, unless blob_hosts excludes it`() throws {
        let table = ["cdn.example:443": "127.0.0.1:8444"]
        #expect(try Self.judge("cdn.example", connectTo: table) == .anywhere)
        #expect(try Self.judge("cdn.example:444", connectTo: table) == .publicly)
        #expect(try Self.judge("cdn.example", listed: ["other.example"], connectTo: table) == .nowhere)
    }

    @Test(arguments: [
        "http://s3.amazonaws.com/", "ftp://x", "/v2/", "//evil.example/", "https:/x", "https://a:0/", "https://a:99999/",
    ])
    func `a redirect that is not https is rejected`(location: String) {
        #expect(BlobLocation(Array(location.utf8)[...], connectTo: ConnectTo()) == nil)
    }
}
