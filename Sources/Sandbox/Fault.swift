import HTTP

/// A fault to inject: the body of `POST /faults`.
struct Fault: Codable {
    enum Kind: String, Codable {
        /// Resets the connection: before the response, or after `after_bytes` of the request's or the response's body.
        case reset
        /// Pauses for `seconds` at the same places, then continues.
        case stall
        /// Closes the connection in order after `after_bytes` of the response's body, whatever its `Content-Length`.
        case truncate
        /// Responds with `status`, in the service's own error format.
        case status
        /// Changes the byte of the response's body at `after_bytes`.
        case corrupt
    }
    struct Match: Codable {
        var method: String?
        var pathPrefix: String?
        enum CodingKeys: String, CodingKey {
            case method
            case pathPrefix = "path_prefix"
        }
    }

    var `where`: Service
    var match: Match?
    var kind: Kind
    var status: Int?
    var afterBytes: Int?
    var seconds: Double?
    /// How many requests it affects; 1 when absent, negative for all.
    var times: Int?
    /// The part of the requests that match which it affects, from 0 to 1, in an order that is the same each time; all when absent.
    var share: Double?

    enum CodingKeys: String, CodingKey {
        case `where`, match, kind, status, seconds, times, share
        case afterBytes = "after_bytes"
    }

    func matches(_ service: Service, method: Method, path: String) -> Bool {
        guard service == self.where else { return false }
        if let wanted = match?.method, wanted != "\(method.token)" { return false }
        return path.hasPrefix(match?.pathPrefix ?? "")
    }

    /// The length of a stall without `seconds`.
    static let defaultStallSeconds = 3600.0
}
