/// How a client is asked to log in (RFC 9110 11.6.1).
///
/// Where something is allowed without a login, Basic alone does not do: docker and podman ask `/v2/` once. To them a 200 there means that
/// nobody has to log in, and a Basic challenge that everybody does. They visit a bearer challenge's realm with or without a login.
enum Challenge {
    case basic
    /// - Parameter realm: the address of the token service, `https://registry.example.com/token`.
    case bearer(realm: String)

    /// The challenge of a listener: bearer where anonymous access is configured.
    init(for downstream: Downstream, allowsAnonymous: Bool) {
        guard allowsAnonymous else {
            self = .basic
            return
        }
        if !downstream.publicURL.isEmpty {
            self = .bearer(realm: String(decoding: downstream.publicURL, as: UTF8.self) + "\(TokenService.path)")
        } else if let host = downstream.host {
            // The parser has checked that it is a host and nothing else.
            let scheme = downstream.isHTTPS ? "https" : "http"
            self = .bearer(realm: "\(scheme)://\(String(decoding: host, as: UTF8.self))\(TokenService.path)")
        } else {
            self = .basic  // HTTP/1.0 without Host: there is no address to name
        }
    }

    /// The value of `WWW-Authenticate`.
    var fieldValue: String {
        switch self {
        case .basic: "Basic realm=\"Berth\""
        case .bearer(let realm): "Bearer realm=\"\(realm)\",service=\"Berth\""
        }
    }
}
