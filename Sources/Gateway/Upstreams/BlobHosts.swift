import HTTP
import Registry
import Transport

/// Where a registry's redirect of a blob may lead (ECR 1.4). To S3 as a rule, and behind a pull-through cache to the CDNs of other
/// companies, which change: so what counts is what the redirect must not reach, the networks that only Berth can.
struct BlobHosts: Sendable {
    enum Judgement: Equatable {
        /// At whatever address: AWS's own hosts have private ones where VPC endpoints are, and what the operator names is the operator's word.
        case anywhere
        /// At addresses of the public internet, looked at when one is dialled.
        case publicly
        case nowhere
    }

    /// `blob_hosts`, in lower case; nil: not set.
    private let listed: [String]?
    private let registry: ECRHost

    init(listed: [String]?, registry: ECRHost) {
        self.listed = listed?.map { HostName.normalized($0) }
        self.registry = registry
    }

    func judge(_ origin: Origin) -> Judgement {
        let host = origin.host
        if let listed {
            let isListed = listed.contains {
                $0.hasPrefix("*.") ? host.hasSuffix($0.dropFirst()) && host.count >= $0.count : host == $0
            }
            return isListed ? .anywhere : .nowhere
        }
        if origin.isDialledElsewhere || registry.isBesideAWS(host) { return .anywhere }
        // RFC 6761 6.3, where an outbound proxy resolves it.
        if host == "localhost" || host.hasSuffix(".localhost") { return .nowhere }
        return SocketAddress(host: host, port: 0).map { $0.isPublic ? .publicly : .nowhere } ?? .publicly
    }
}
