import HTTP

/// Who may change something through the admin listener: whoever has the token of `admin.token_file`. Without that file, anybody who reaches the
/// listener may, as with curl on the machine itself, but no web page: a browser sends requests for any page that it shows.
enum WriteRule: Equatable {
    case allowed
    /// From a web page: why it is refused.
    case foreign(String)
    /// A token is required. `presented`: another one was.
    case unauthorized(presented: Bool)

    /// - Parameters:
    ///   - host, origin, siteRelation: the request's `Host`, `Origin` and `Sec-Fetch-Site`.
    ///   - isToken: whether the request has the token; nil: none is configured.
    ///   - presented: the request has some token.
    init(host: String?, origin: String?, siteRelation: String?, isToken: Bool?, presented: Bool) {
        if origin != nil || siteRelation != nil {
            guard isToken != nil else {
                self = .foreign("Web pages may change something only if admin.token_file is set; set it, or use curl.")
                return
            }
            guard let origin, let host, Self.isSame(origin, host), siteRelation == nil || siteRelation == "same-origin" else {
                self = .foreign("Requests from other web pages are not accepted.")
                return
            }
        }
        self = isToken ?? true ? .allowed : .unauthorized(presented: presented)
    }

    /// An origin names a scheme, too (RFC 6454 6.2). Either is right: a proxy may have added TLS. Browsers leave out a scheme's own port in both.
    private static func isSame(_ origin: String, _ host: String) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: origin.hasPrefix), let host = HostName(host) else { return false }
        return HostName(origin.dropFirst(scheme.count)) == host
    }

    /// The token of `Authorization: Bearer` (RFC 6750 2.1); nil: there is none.
    static func bearerToken(_ authorization: String?) -> [UInt8]? {
        let parts = authorization?.split(separator: " ", maxSplits: 1) ?? []
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return Array(parts[1].drop { $0 == " " }.utf8)
    }
}
