/// How a client is asked to log in (RFC 9110 11.6.1).
///
/// Where something may be done without a login, Basic alone will not do: docker and podman ask `/v2/` once, and a 200 there means to them
/// that nobody needs to log in, a Basic challenge that everybody does. A bearer's realm they visit with the login they have, or without.
enum Challenge {
    case basic
    /// - Parameter realm: the address of the token service, `https://registry.example.com/token`.
    case bearer(realm: String)

    var fieldValue: String {
        switch self {
        case .basic: "Basic realm=\"Berth\""
        case .bearer(let realm): "Bearer realm=\"\(realm)\",service=\"Berth\""
        }
    }
}
