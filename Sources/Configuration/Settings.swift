package import Access
package import Crypto
package import HTTP
package import Logging
package import Registry
package import Telemetry
package import Transport

/// A configuration: every key checked, and parsed into the type that the gateway works with. The README's table of keys says what each means.
package struct Settings: Sendable {
    /// At least one, at different addresses.
    package var listeners = [Listener(address: SocketAddress(ipv4: (0, 0, 0, 0), port: 5000))]
    /// The address of the admin listener.
    package var admin = SocketAddress(ipv4: (127, 0, 0, 1), port: 5001)
    /// What whoever changes something through the admin listener must present, of `minAdminTokenBytes` or more; nil: nothing.
    package var adminToken: Secret<[UInt8]>?
    /// 128 bits: nobody guesses that, however many attempts are allowed.
    package static let minAdminTokenBytes = 16
    /// At least one, with different names.
    package var upstreams: [Upstream] = []
    /// Empty: every repository goes to the first upstream under its own name.
    package var routes: [Route] = []
    /// Where every repository goes, by `routes` or without any.
    package var routeTable: RouteTable {
        RouteTable(routes.isEmpty ? upstreams.prefix(1).map { Route(upstream: $0.name) } : routes)
    }
    /// With different names. Those of `users_file` come last.
    package var users: [User] = []
    /// What may be done without credentials; nil: nothing, and everybody must log in.
    package var anonymous: [AccessRule]?
    /// The key that signs bearer tokens, of `minTokenKeyBytes` or more; nil: a random one at each start.
    package var tokenKey: Secret<[UInt8]>?
    /// As many as the HMAC that signs has.
    package static let minTokenKeyBytes = 32
    /// What is kept on a disk; nil: nothing.
    package var cache: ConfiguredCache?
    /// Other addresses to dial for some hosts.
    package var connectTo = ConnectTo()
    /// CA certificates that are trusted in addition to the system's; nil: none.
    package var caFile: AuthorityFile?
    /// Bounds of requests, connections and logins.
    package var limits = Limits()
    /// How long Berth waits, for what.
    package var timeouts = Timeouts()
    /// What is logged, and in which format.
    package var log = Log()
    /// nil: one for each core.
    package var workers: Int?
    /// The environment when this was read: AWS_* and proxy variables are taken from here.
    package var environment: [String: String] = [:]
    /// Where this was read from: a file's path, or `environment`.
    package internal(set) var origin = fromEnvironment
    /// The `origin` of a configuration without a file.
    static let fromEnvironment = "environment"
    /// The configuration file as it was read; nil: there was none. Secret, since passwords' hashes are in it.
    package internal(set) var text: Secret<String>?
    /// The other files that were read: certificates, keys, passwords and so on.
    package internal(set) var files: [NamedFile] = []
    /// What is valid but perhaps not intended, a line each; logged at start and at reloads, and shown by `check`.
    package var warnings: [String] = []

    /// A message about a key after the configuration was read: `berth.yaml:12: listeners[0].address: TEXT`.
    package func problem(_ key: String, _ text: String) -> String {
        let variable = EnvironmentVariable.allCases.first { $0.key == key }
        let name = origin == Self.fromEnvironment ? variable?.rawValue ?? key : key
        return ProblemList.line(KeyLocation(file: origin, line: line(of: key) ?? 0, key: name), text)
    }

    /// The line of a key in the file, or of what lacks it, from 1; nil: there is no file, or nothing of the kind in it.
    package func line(of key: String) -> Int? { text.flatMap { KeyLines($0.reveal).line(of: key) } }

    /// Whether the file has a key such as `users[0].access`.
    package func hasKey(_ key: String) -> Bool { text.map { KeyLines($0.reveal).contains(key) } ?? false }

    /// The same towards AWS, with one listener on loopback and one user who may do everything: for a gateway that its own process asks.
    package func forOneClient(named name: String, password: Secret<[UInt8]>) -> Settings {
        var settings = self
        settings.listeners = [Listener(address: SocketAddress(ipv4: (127, 0, 0, 1), port: 0))]
        let rule = AccessRule(repositories: [.everything], actions: Set(Action.allCases))
        settings.users = [User(name: name, credential: .plain(password), access: [rule])]
        (settings.anonymous, settings.workers, settings.cache) = (nil, 1, nil)
        return settings
    }

    // MARK: Sections

    /// An address at which clients reach the registry.
    package struct Listener: Sendable, Equatable {
        /// Port 0: any free port.
        package var address: SocketAddress
        /// nil: the listener speaks plain HTTP.
        package var tls: TLSFiles?
        /// What `Location`, `Link` and challenges name; nil: the host that the client used.
        package var publicURL: PublicURL?
        /// The proxies whose `X-Forwarded-*` fields are trusted.
        package var trustedProxies: [Network] = []
    }

    /// A registry of ECR that Berth stands in front of.
    package struct Upstream: Sendable, Equatable {
        /// For routes, metrics and the log: 1 to 64 characters.
        package var name: String
        /// Its host, which says account, region and partition.
        package var registry: ECRHost
        /// Its replicas, which serve reads that it cannot, in this order.
        package var fallbacks: [ECRHost] = []
        /// Who follows redirects of blobs.
        package var blobs = BlobMode.stream
        /// With `blobs: redirect`, the networks whose clients are redirected; nil: all.
        package var redirectClients: [Network]?
        /// The only hosts that the registry may redirect a blob to; nil: AWS's, and those at public addresses.
        package var blobHosts: [HostPattern]?
        /// nil: `automatic`.
        package var credentials: Credentials?
        /// nil: a push to a repository that does not exist fails.
        package var createRepositories: RepositoryCreation?
        /// What Berth asks of the registry at most.
        package var limits = UpstreamLimits()

        /// The upstream that a fallback is: read like this one, never written to.
        package func reading(from fallback: ECRHost) -> Upstream {
            var upstream = self
            (upstream.registry, upstream.fallbacks, upstream.createRepositories) = (fallback, [], nil)
            return upstream
        }

        /// This one, and each of its fallbacks, in the order in which reads try them.
        package var registries: [Upstream] { [self] + fallbacks.map(reading) }
    }

    /// Who follows the registry's redirect of a blob: Berth (`stream`) or the client.
    package enum BlobMode: String, Sendable, CaseIterable { case stream, redirect }

    /// The AWS credentials of an upstream.
    package struct Credentials: Sendable, Equatable {
        /// Where the credentials are searched for.
        package var source = Source.automatic
        /// A profile of the shared AWS files; nil: `AWS_PROFILE`, or `default`.
        package var profile: String?
        /// nil: the credentials are used as they are.
        package var assumeRole: AssumedRole?

        /// `automatic` searches in the order of the AWS SDKs (ECR 4.1).
        package enum Source: String, Sendable, CaseIterable {
            case automatic, environment, profile
            case webIdentity = "web_identity"
            case container, instance, process
        }
    }

    /// How repositories are created that a push needs; nil leaves a setting to ECR.
    package struct RepositoryCreation: Sendable, Equatable {
        /// Of the names at the upstream; one that matches is enough.
        package var match: [Glob]
        /// `MUTABLE` or `IMMUTABLE`.
        package var tagMutability: String?
        /// Whether ECR scans images when they are pushed.
        package var scanOnPush: Bool?
        /// An alias, a key id or an ARN; nil: ECR's own encryption.
        package var kmsKey: String?
        /// Tags of the repository, key to value.
        package var tags: [String: String] = [:]
        /// The repository policy, in JSON.
        package var policy: String?
        /// The lifecycle policy, in JSON.
        package var lifecyclePolicy: String?
    }

    /// Where the repositories go whose names start with a prefix.
    package struct Route: Sendable, Equatable {
        /// The host that the client must address, on any port; nil: any.
        package var host: HostName?
        /// The registry that the client must mean (containerd's `ns`, ECR 6); nil: any, and none.
        package var namespace: HostName?
        /// How the repository's name must start.
        package var prefix: [UInt8] = []
        /// The name of one of `upstreams`.
        package var upstream: String
        /// What the prefix becomes there.
        package var upstreamPrefix: [UInt8] = []
    }

    /// A user who can log in.
    package struct User: Sendable, Equatable {
        /// 1 to 256 bytes without a colon.
        package var name: String
        /// What the password is compared with.
        package var credential: Credential
        /// What the user may do; empty: nothing.
        package var access: [AccessRule]
    }

    /// Bounds on what clients can use.
    package struct Limits: Sendable, Equatable {
        /// Bytes of a request's head.
        package var head = 32 << 10
        /// Fields of a request's head.
        package var headFields = 100
        /// Connections of all clients.
        package var connections = 10_000
        /// A client is an IPv4 address, or a /64 of IPv6.
        package var connectionsPerClient = 1_000
        /// Of one user from one client.
        package var failedLoginsPerMinute = 10
    }

    /// Bounds on waiting.
    package struct Timeouts: Sendable, Equatable {
        /// To the end of a request's head.
        package var head = Duration.seconds(10)
        /// To the end of a client's TLS handshake.
        package var tlsHandshake = Duration.seconds(10)
        /// Between two requests on a connection.
        package var idle = Duration.seconds(75)
        /// Without progress of a body, on either side.
        package var stall = Duration.seconds(60)
        /// To each address of an upstream.
        package var connect = Duration.seconds(5)
        /// From the end of a request to the head of the upstream's response.
        package var response = Duration.seconds(120)
        /// For exchanges in progress after SIGTERM.
        package var drain = Duration.seconds(1800)
    }

    /// The process's log.
    package struct Log: Sendable, Equatable {
        /// The lowest level that is logged; access lines are at `info`.
        package var level = Logger.Level.info
        /// nil: short lines on a terminal, JSON elsewhere.
        package var format: Format?

        /// A format that a configuration can name.
        package enum Format: String, Sendable, CaseIterable {
            case json, text

            /// How standard error is written: text is short on a terminal.
            package var onStandardError: LogFormat { self == .json ? .json : .onTerminal(otherwise: .text) }
        }
    }
}
