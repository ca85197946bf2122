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

    /// What is wrong with the body, and what is allowed.
    struct Invalid: Error { let message: String }

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

    enum CodingKeys: String, CodingKey, CaseIterable {
        case `where`, match, kind, status, seconds, times, share
        case afterBytes = "after_bytes"
    }

    /// - Throws: `Invalid`.
    init(from decoder: any Decoder) throws {
        let keys = CodingKeys.allCases.map(\.rawValue).sorted()
        guard let names = try? decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue) else {
            throw Invalid(message: "the body is not an object with the keys \(keys.joined(separator: ", "))")
        }
        if let unknown = names.filter({ CodingKeys(rawValue: $0) == nil }).min() {
            throw Invalid(message: "\(unknown): unknown key; there are \(keys.joined(separator: ", "))")
        }
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys, _ type: Value.Type, _ allowed: String) throws -> Value? {
            do { return try values.decodeIfPresent(type, forKey: key) } catch {
                throw Invalid(message: "\(key.rawValue): write \(allowed)")
            }
        }
        let places = Service.allCases.filter { $0 != .control }.map(\.rawValue).joined(separator: ", ")
        let kinds = "reset, stall, truncate, status or corrupt"
        guard let place = try value(.where, Service.self, "one of \(places)"), place != .control else {
            throw Invalid(message: "where: write one of \(places)")
        }
        guard let kind = try value(.kind, Kind.self, kinds) else { throw Invalid(message: "kind: missing; write \(kinds)") }
        (self.where, self.kind) = (place, kind)
        match = try value(.match, Match.self, "{\"method\": \"GET\", \"path_prefix\": \"/v2/\"}, both optional")
        status = try value(.status, Int.self, "a number from 100 to 599")
        afterBytes = try value(.afterBytes, Int.self, "a number of bytes")
        seconds = try value(.seconds, Double.self, "a number from 0 to 86400")
        times = try value(.times, Int.self, "a number of requests, negative for all")
        share = try value(.share, Double.self, "a number from 0 to 1")
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func matches(_ service: Service, method: Method, path: String) -> Bool {
        guard service == self.where else { return false }
        if let wanted = match?.method, wanted != "\(method.token)" { return false }
        return path.hasPrefix(match?.pathPrefix ?? "")
    }

    /// The length of a stall without `seconds`.
    static let defaultStallSeconds = 3600.0
}
