package import Crypto
package import Registry
package import Transport

/// What Berth was told to do: one immutable value in which every key has been checked (design section 6).
package struct Settings: Sendable {
    package var listeners = [Listener(address: Address(host: "0.0.0.0", port: 5000))]
    package var admin = Address(host: "127.0.0.1", port: 5001)
    package var upstreams: [Upstream] = []
    /// Empty: every repository goes to the first upstream under its own name.
    package var routes: [Route] = []
    package var users: [User] = []
    /// What may be done without logging in; nil: nothing.
    package var anonymous: [AccessRule]?
    /// What bearer tokens are signed with, of `tokenKeyBytesAtLeast`; nil: what is random at each start.
    package var tokenKey: Secret<[UInt8]>?
    package static let tokenKeyBytesAtLeast = 32
    /// `host:port`, the host perhaps beginning with `*.` → `host:port` to dial instead.
    package var connectTo: [String: String] = [:]
    /// Path of a PEM file, trusted besides the system's store.
    package var caFile: String?
    package var limits = Limits()
    package var timeouts = Timeouts()
    package var log = Log()
    /// nil: one for each core.
    package var workers: Int?
    /// The environment as it was when this was read; the AWS_* variables are read from it.
    package var environment: [String: String] = [:]
    /// Where this was read from: a file's path, or `environment`.
    package var origin = "environment"
    /// What is allowed and perhaps not meant, a sentence each: told at start and by `check`.
    package var warnings: [String] = []

    package struct Address: Sendable, Equatable, CustomStringConvertible {
        /// An IP address, without brackets.
        package var host: String
        /// 0: one that is free.
        package var port: UInt16
        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

        package init(host: String, port: UInt16) { (self.host, self.port) = (host, port) }

        package var socketAddress: SocketAddress {
            get throws(TransportError) {
                if let address = SocketAddress(host: host, port: port) { return address }
                throw TransportError(.unresolved, call: "listen", reason: "\(self) is not an IP address and a port")
            }
        }
    }

    package struct Listener: Sendable, Equatable {
        package var address: Address
        /// nil: plain HTTP.
        package var tls: TLSFiles?
        /// `https://registry.example.com`, without a slash at the end.
        package var publicURL: String?
        /// Whose `X-Forwarded-*` is believed.
        package var trustedProxies: [Network] = []
    }

    package struct Upstream: Sendable, Equatable {
        package var name: String
        package var registry: ECRHost
        package var blobs = BlobMode.stream
        /// Networks whose clients follow a redirect themselves where `blobs` says so; nil: everybody's.
        package var redirectClients: [Network]?
        /// Where alone the registry may redirect a blob to, a host perhaps beginning with `*.`; nil: to AWS, and to public addresses.
        package var blobHosts: [String]?
        package var credentials: Credentials?
        package var createRepositories: RepositoryCreation?
    }

    package enum BlobMode: String, Sendable, CaseIterable { case stream, redirect }

    package struct Credentials: Sendable, Equatable {
        package var source = Source.automatic
        package var profile: String?
        package var assumeRole: AssumeRole?

        package enum Source: String, Sendable, CaseIterable {
            case automatic, environment, profile
            case webIdentity = "web_identity"
            case container, instance, process
        }
    }

    package struct AssumeRole: Sendable, Equatable {
        package var arn: String
        package var externalID: String?
        package var sessionName = "berth"
        package var duration = Duration.seconds(3600)
    }

    package struct RepositoryCreation: Sendable, Equatable {
        /// Patterns of names.
        package var match: [String]
        package var tagMutability: String?
        package var scanOnPush: Bool?
        package var kmsKey: String?
        package var tags: [String: String] = [:]
        /// JSON texts.
        package var policy: String?
        package var lifecyclePolicy: String?
    }

    package struct Route: Sendable, Equatable {
        package var host: String?
        package var namespace: String?
        package var prefix = ""
        /// The name of one of `upstreams`.
        package var upstream: String
        package var upstreamPrefix = ""
    }

    package struct User: Sendable, Equatable {
        package var name: String
        package var password: PasswordSource
        package var access: [AccessRule]
    }

    package enum PasswordSource: Sendable, Equatable {
        /// Of crypt(5).
        case hash(Secret<String>)
        case plain(Secret<String>)
    }

    package struct AccessRule: Sendable, Equatable {
        /// `*` within a segment, `**` across.
        package var repositories: [String]
        package var actions: Set<Action>
        /// Where the client must have addressed the gateway, without a port; nil: anywhere.
        package var host: String?
        /// The registry that the client must mean (containerd's `ns`); nil: any, and none.
        package var namespace: String?
    }

    /// Bytes and counts.
    package struct Limits: Sendable, Equatable {
        package var head = 32 << 10
        package var headFields = 100
        package var connections = 10_000
        package var connectionsPerClient = 1_000
        package var failedLoginsPerMinute = 10
    }

    package struct Timeouts: Sendable, Equatable {
        package var head = Duration.seconds(10)
        package var tlsHandshake = Duration.seconds(10)
        package var idle = Duration.seconds(75)
        package var stall = Duration.seconds(60)
        package var connect = Duration.seconds(5)
        package var response = Duration.seconds(120)
        package var drain = Duration.seconds(1800)
    }

    package struct Log: Sendable, Equatable {
        package var level = Level.info
        /// nil: text on a terminal, JSON elsewhere.
        package var format: Format?

        package enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
        package enum Format: String, Sendable, CaseIterable { case json, text }
    }
}
