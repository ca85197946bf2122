import Crypto
import Registry

/// What Berth was told to do: one immutable value, every key of which is checked (design section 6).
public struct Settings: Sendable {
    public struct Address: Sendable, Equatable, CustomStringConvertible {
        public var host: String
        public var port: UInt16
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    public struct TLSFiles: Sendable, Equatable {
        public var certificate: String
        public var privateKey: String
        public var clientCA: String?
    }

    public struct Listener: Sendable {
        public var address: Address
        public var tls: TLSFiles?
        public var publicURL: String?
        public var trustedProxies: [String]
    }

    public enum BlobMode: String, Sendable, CaseIterable { case stream, redirect }

    public struct Credentials: Sendable {
        public var source: String
        public var profile: String?
    }

    public struct RepositoryCreation: Sendable {
        public var match: [String]
        public var tagMutability: String?
        public var scanOnPush: Bool?
        public var kmsKey: String?
        public var tags: [String: String]
        public var policy: String?
        public var lifecyclePolicy: String?
    }

    public struct Upstream: Sendable {
        public var name: String
        public var registry: ECRHost
        public var blobs: BlobMode
        public var credentials: Credentials?
        public var createRepositories: RepositoryCreation?
    }

    public struct Route: Sendable {
        public var host: String?
        public var namespace: String?
        public var prefix: String
        public var upstream: String
        public var upstreamPrefix: String
    }

    public struct AccessRule: Sendable {
        public var repositories: [String]
        public var actions: Set<Action>
    }

    public enum PasswordSource: Sendable {
        case hash(Secret<String>)
        case plain(Secret<String>)
    }

    public struct User: Sendable {
        public var name: String
        public var password: PasswordSource
        public var access: [AccessRule]
    }

    public struct Limits: Sendable {
        public var head = 32 << 10
        public var headFields = 100
        public var connections = 10_000
        public var connectionsPerClient = 1_000
        public var failedLoginsPerMinute = 10
    }

    public struct Timeouts: Sendable {
        public var head = Duration.seconds(10)
        public var tlsHandshake = Duration.seconds(10)
        public var idle = Duration.seconds(75)
        public var stall = Duration.seconds(60)
        public var connect = Duration.seconds(5)
        public var response = Duration.seconds(120)
        public var drain = Duration.seconds(1800)
    }

    public var listeners: [Listener]
    public var admin: Address
    public var upstreams: [Upstream]
    public var routes: [Route]
    public var users: [User]
    public var anonymous: [AccessRule]?
    public var connectTo: [String: String]
    public var caFile: String?
    public var limits: Limits
    public var timeouts: Timeouts
    public var environment: [String: String]
}
