package import HTTP

/// `public_url`: how clients reach a listener, where that is not the host they send.
package struct PublicURL: Sendable, Equatable, CustomStringConvertible {
    /// Whether its scheme is https.
    package let isHTTPS: Bool
    /// The host, and the port if one is written.
    package let host: HostName

    /// nil: not http or https, a host and perhaps a port.
    package init?(_ text: String) {
        let trimmed = text.hasSuffix("/") ? text.dropLast() : text[...]
        guard let scheme = ["https://", "http://"].first(where: trimmed.lowercased().hasPrefix),
            let host = ConfiguredHost.parse(trimmed.dropFirst(scheme.count))
        else { return nil }
        (isHTTPS, self.host) = (scheme == "https://", host)
    }

    /// `https://registry.example.com`, without a slash at the end.
    package var description: String { (isHTTPS ? "https://" : "http://") + host.description }
}
