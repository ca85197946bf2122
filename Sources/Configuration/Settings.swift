import Crypto
import Registry
import Transport

/// What Berth was told to do: one immutable value in which every key has been checked (design section 6).
public struct Settings: Sendable {
    public var listeners = [Listener(address: Address(host: "0.0.0.0", port: 5000))]
    public var admin = Address(host: "127.0.0.1", port: 5001)
    public var upstreams: [Upstream] = []
    /// Empty: every repository goes to the first upstream under its own name.
    public var routes: [Route] = []
    public var users: [User] = []
    /// What may be done without logging in; nil: nothing.
    public var anonymous: [AccessRule]?
    /// What bearer tokens are signed with, of `tokenKeyBytesAtLeast`; nil: what is random at each start.
    public var tokenKey: Secret<[UInt8]>?
    public static let tokenKeyBytesAtLeast = 32
    /// `host:port`, the host perhaps beginning with `*.` → `host:port` to dial instead.
    public var connectTo: [String: String] = [:]
    /// Path of a PEM file, trusted besides the system's store.
    public var caFile: String?
    public var limits = Limits()
    public var timeouts = Timeouts()
    public var log = Log()
    /// nil: one for each core.
    public var workers: Int?
    /// The environment as it was when this was read; the AWS_* variables are read from it.
    public var environment: [String: String] = [:]
    /// Where this was read from: a file's path, or `environment`.
    public var origin = "environment"
    /// What is allowed and perhaps not meant, a sentence each: told at start and by `check`.
    public var warnings: [String] = []

    public struct Address: Sendable, Equatable, CustomStringConvertible {
        /// An IP address, without brackets.
        public var host: String
        /// 0: one that is free.
        public var port: UInt16
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

        public init(host: String, port: UInt16) { (self.host, self.port) = (host, port) }

        public var socketAddress: SocketAddress {
            get throws(TransportError) {
                if let address = SocketAddress(host: host, port: port) { return address }
                throw TransportError(.unresolved, call: "listen", reason: "\(self) is not an IP address and a port")
            }
        }
    }

    public struct Listener: Sendable, Equatable {
        public var address: Address
        /// nil: plain HTTP.
        public var tls: TLSFiles?
        /// `https://registry.example.com`, without a slash at the end.
        public var publicURL: String?
        /// Whose `X-Forwarded-*` is believed.
        public var trustedProxies: [Network] = []
    }

    public struct Upstream: Sendable, Equatable {
        public var name: String
        public var registry: ECRHost
        public var blobs = BlobMode.stream
        /// Networks whose clients follow a redirect themselves where `blobs` says so; nil: everybody's.
        public var redirectClients: [Network]?
        /// Where alone the registry may redirect a blob to, a host perhaps beginning with `*.`; nil: to AWS, and to public addresses.
        public var blobHosts: [String]?
        public var credentials: Credentials?
        public var createRepositories: RepositoryCreation?
    }

    public enum BlobMode: String, Sendable, CaseIterable { case stream, redirect }

    public struct Credentials: Sendable, Equatable {
        public var source = Source.automatic
        public var profile: String?
        public var assumeRole: AssumeRole?

        public enum Source: String, Sendable, CaseIterable {
            case automatic, environment, profile
            case webIdentity = "web_identity"
            case container, instance, process
        }
    }

    public struct AssumeRole: Sendable, Equatable {
        public var arn: String
        public var externalID: String?
        public var sessionName = "berth"
        public var duration = Duration.seconds(3600)
    }

    public struct RepositoryCreation: Sendable, Equatable {
        /// Patterns of names.
        public var match: [String]
        public var tagMutability: String?
        public var scanOnPush: Bool?
        public var kmsKey: String?
        public var tags: [String: String] = [:]
        /// JSON texts.
        public var policy: String?
        public var lifecyclePolicy: String?
    }

    public struct Route: Sendable, Equatable {
        public var host: String?
        public var namespace: String?
        public var prefix = ""
        /// The name of one of `upstreams`.
        public var upstream: String
        public var upstreamPrefix = ""
    }

    public struct User: Sendable, Equatable {
        public var name: String
        public var password: PasswordSource
        public var access: [AccessRule]
    }

    public enum PasswordSource: Sendable, Equatable {
        /// Of crypt(5).
        case hash(Secret<String>)
        case plain(Secret<String>)
    }

    public struct AccessRule: Sendable, Equatable {
        /// `*` within a segment, `**` across.
        public var repositories: [String]
        public var actions: Set<Action>
        /// Where the client must have addressed the gateway, without a port; nil: anywhere.
        public var host: String?
        /// The registry that the client must mean (containerd's `ns`); nil: any, and none.
        public var namespace: String?
    }

    /// Bytes and counts.
    public struct Limits: Sendable, Equatable {
        public var head = 32 << 10
        public var headFields = 100
        public var connections = 10_000
        public var connectionsPerClient = 1_000
        public var failedLoginsPerMinute = 10
    }

    public struct Timeouts: Sendable, Equatable {
        public var head = Duration.seconds(10)
        public var tlsHandshake = Duration.seconds(10)
        public var idle = Duration.seconds(75)
        public var stall = Duration.seconds(60)
        public var connect = Duration.seconds(5)
        public var response = Duration.seconds(120)
        public var drain = Duration.seconds(1800)
    }

    public struct Log: Sendable, Equatable {
        public var level = Level.info
        /// nil: text on a terminal, JSON elsewhere.
        public var format: Format?

        public enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
        public enum Format: String, Sendable, CaseIterable { case json, text }
    }
}
