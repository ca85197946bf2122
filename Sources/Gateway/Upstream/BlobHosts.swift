import Configuration
import HTTP
import Registry
import Transport

/// Where a registry's redirect of a blob may lead (ECR 1.4): to S3 as a rule, and behind a pull-through cache to the CDNs of other
/// companies. Those change, so without a configured list every public host is allowed, and private networks are not.
struct BlobHosts: Sendable {
    enum Judgement: Equatable {
        /// At any address: AWS's own hosts have private ones behind VPC endpoints, and hosts that the operator names are trusted.
        case anywhere
        /// At public addresses only; they are checked when one is dialled.
        case publicly
        case nowhere
    }

    /// `blob_hosts`; nil: not set.
    let listed: [HostPattern]?
    let registry: ECRHost

    func judge(_ origin: Origin) -> Judgement {
        let host = origin.host
        if let listed {
            guard let name = HostName(host, port: origin.port) else { return .nowhere }
            return listed.contains { $0.matches(name) } ? .anywhere : .nowhere
        }
        if origin.isDialledElsewhere || registry.isAWSHost(host) { return .anywhere }
        // RFC 6761 6.3. An outbound proxy would resolve it to itself.
        if host == "localhost" || host.hasSuffix(".localhost") { return .nowhere }
        return SocketAddress(host: host, port: 0).map { $0.isPublic ? .publicly : .nowhere } ?? .publicly
    }
}
