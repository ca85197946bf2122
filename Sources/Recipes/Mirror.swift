import Access
import Configuration
import HTTP
import Registry

/// Another registry that routes serve in the place of its own host.
struct Mirror {
    /// As in an image's name: `docker.io`. nil: the routes do not say; clients reach it at `host` only.
    let registry: HostName?
    /// For clients that name the registry they mean (containerd and what is built on it); nil: none.
    let endpoint: Endpoint?
    /// For clients that do not, at a host of its own (docker, podman); nil: none.
    let host: Endpoint?
    /// For clients that can put a prefix before the name (podman): the prefix, without a slash at its end; nil: none.
    let path: (prefix: String, endpoint: Endpoint)?
    /// Only names that start with this are served; empty: all.
    let prefix: String
    /// The name of an image in the registry, to try it with.
    let example: String

    /// The path of the request for the example's manifest.
    var examplePath: String { "/v2/" + example.replacing(":", with: "/manifests/") }

    /// An address, and who may pull there.
    struct Endpoint {
        let address: ClientAddress
        let isAnonymous: Bool
        /// Whether the recipe's user may.
        let isForUser: Bool
    }

    /// Images that exist, by registry. Small ones.
    private static let examples = [
        "docker.io": "library/busybox:latest", "quay.io": "prometheus/busybox:latest", "registry.k8s.io": "pause:3.10",
        "public.ecr.aws": "docker/library/busybox:latest", "mcr.microsoft.com": "mcr/hello-world:latest",
        "ghcr.io": "linuxcontainers/alpine:latest", "gcr.io": "distroless/static:latest",
    ]

    /// Whether the example is a name that stands for any other.
    var isExampleMadeUp: Bool { !Self.examples.values.contains(example) }

    private static func example(of registry: HostName?, prefix: String) -> String {
        if let known = examples[registry?.name ?? "docker.io"], known.hasPrefix(prefix) { return known }
        return prefix + (prefix.isEmpty || prefix.hasSuffix("/") ? "app" : "") + ":latest"
    }

    /// Those of a configuration, in its order.
    static func all(in settings: Settings, at address: ClientAddress, user: Principal?, anonymous: Principal?) -> [Mirror] {
        let table = ServedNames(settings)
        var mirrors: [Mirror] = []
        for route in settings.routes {
            guard let namespace = route.namespace, !mirrors.contains(where: { $0.registry == namespace }) else { continue }
            mirrors.append(Mirror(route, of: namespace, in: table, at: address, user: user, anonymous: anonymous))
        }
        // At a host of its own, and in the place of another registry: at the gateway's own host, the prefix just renames.
        for route in settings.routes where route.namespace == nil && route.prefix.isEmpty && !route.upstreamPrefix.isEmpty {
            guard let own = route.host.map(address.named), own != address,
                !mirrors.contains(where: { $0.host?.address == own })
            else { continue }
            mirrors.append(Mirror(route, of: nil, in: table, at: own, user: user, anonymous: anonymous))
        }
        return mirrors
    }

    private init(
        _ route: Settings.Route, of registry: HostName?, in table: ServedNames, at address: ClientAddress, user: Principal?,
        anonymous: Principal?
    ) {
        let prefix = String(decoding: route.prefix, as: UTF8.self)
        (self.registry, self.prefix, example) = (registry, prefix, Self.example(of: registry, prefix: prefix))
        let name = Repository(String(example.prefix { $0 != ":" }))

        /// Who may pull the example there; nil: it leads elsewhere.
        func access(_ address: ClientAddress, _ namespace: HostName?, under path: [UInt8] = []) -> Endpoint? {
            let place = address.place(namespace: namespace)
            guard let name, let here = Repository(path + name.bytes), let found = table.target(of: here, at: place),
                found.upstream == route.upstream,
                found.repository == name.replacing(prefix: route.prefix, with: route.upstreamPrefix)
            else { return nil }
            return Endpoint(
                address: address, isAnonymous: anonymous?.may(anyOf: [.pull], on: here, at: place) ?? false,
                isForUser: user?.may(anyOf: [.pull], on: here, at: place) ?? false)
        }

        endpoint = registry.flatMap { access(route.host.map(address.named) ?? address, $0) }
        let others = table.hosts.map(address.named)
        let hosts = registry == nil ? [address] : others + [address]
        let served = hosts.compactMap { access($0, nil) }
        host = served.first(where: \.isAnonymous) ?? served.first
        let under = table.clientPrefix(of: route.upstream, route.upstreamPrefix, at: address.place())
        path = under.flatMap { under in
            guard prefix.isEmpty, under.last == UInt8(ascii: "/") else { return nil }
            return access(address, nil, under: under).map { (String(decoding: under.dropLast(), as: UTF8.self), $0) }
        }
    }
}
