package import FoundationEssentials

/// The configuration in use, as far as an operator looks for it: no credentials, no users.
package struct ConfigurationStatus: Sendable, Encodable {
    let file: String
    let lastLoaded: Date
    let lastReload: Reload?
    let listeners: [Listener]
    let adminAddress: String
    let routes: [Route]
    let users: Int
    let anonymous: Bool

    enum CodingKeys: String, CodingKey {
        case file, listeners, routes, users, anonymous
        case lastLoaded = "last_loaded"
        case lastReload = "last_reload"
        case adminAddress = "admin_address"
    }

    /// What the last reload came to.
    package struct Reload: Sendable, Encodable {
        let time: Date, cause: String, changes: String
        let problems: [String]

        /// - Parameters:
        ///   - cause: `signal`, `api`, or `file` where a file that the configuration names has changed.
        ///   - changes: as in the log; empty: nothing changed.
        ///   - problems: with any, the configuration from before stayed in use.
        package init(time: Date, cause: String, changes: String, problems: [String]) {
            (self.time, self.cause, self.changes, self.problems) = (time, cause, changes, problems)
        }
    }

    /// An address at which clients reach the registry.
    package struct Listener: Sendable, Encodable {
        let address: String, tls: Bool, clientCertificates: Bool
        let publicURL: String?

        enum CodingKeys: String, CodingKey {
            case address, tls
            case clientCertificates = "client_certificates"
            case publicURL = "public_url"
        }

        /// - Parameter clientCertificates: clients must present one.
        package init(address: String, tls: Bool, clientCertificates: Bool, publicURL: String?) {
            (self.address, self.tls, self.clientCertificates, self.publicURL) = (address, tls, clientCertificates, publicURL)
        }
    }

    /// Where the repositories go whose names start with a prefix.
    package struct Route: Sendable, Encodable {
        let host: String?, namespace: String?
        let prefix: String, upstream: String, upstreamPrefix: String

        enum CodingKeys: String, CodingKey {
            case host, namespace, prefix, upstream
            case upstreamPrefix = "upstream_prefix"
        }

        /// As in the configuration.
        package init(host: String?, namespace: String?, prefix: String, upstream: String, upstreamPrefix: String) {
            (self.host, self.namespace, self.prefix) = (host, namespace, prefix)
            (self.upstream, self.upstreamPrefix) = (upstream, upstreamPrefix)
        }
    }

    /// - Parameters:
    ///   - lastReload: nil: there was none since the start.
    ///   - anonymous: whether anything is allowed without a login.
    package init(
        file: String, lastLoaded: Date, lastReload: Reload?, listeners: [Listener], adminAddress: String, routes: [Route],
        users: Int,
        anonymous: Bool
    ) {
        (self.file, self.lastLoaded, self.lastReload, self.listeners) = (file, lastLoaded, lastReload, listeners)
        (self.adminAddress, self.routes, self.users, self.anonymous) = (adminAddress, routes, users, anonymous)
    }
}
