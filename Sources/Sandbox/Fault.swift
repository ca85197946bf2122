import HTTP

/// Which of the sandbox's listeners.
enum Service: String, Codable, CaseIterable {
    case registry, api, s3, metadata, control
    var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    var speaksTLS: Bool { self == .registry || self == .api || self == .s3 }
}

/// Something that goes wrong on demand: the body of `POST /faults`.
struct Fault: Codable {
    enum Kind: String, Codable {
        /// The connection is reset: before the answer, or after `after_bytes` of the request's or the answer's body.
        case reset
        /// Nothing moves for `seconds`, at the same places; then all goes on.
        case stall
        /// The answer ends in order after `after_bytes` of its body, whatever its length was said to be.
        case truncate
        /// `status` is answered, in the service's own error format.
        case status
        /// The byte of the answer's body at `after_bytes` is another one.
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
    /// How many requests it strikes; 1 when absent, negative for all.
    var times: Int?

    enum CodingKeys: String, CodingKey {
        case `where`, match, kind, status, seconds, times
        case afterBytes = "after_bytes"
    }

    func strikes(_ service: Service, method: Method, path: String) -> Bool {
        guard service == self.where else { return false }
        if let wanted = match?.method, wanted != "\(method.token)" { return false }
        return path.hasPrefix(match?.pathPrefix ?? "")
    }

    /// What a stall lasts when it was not said.
    static let longStall = 3600.0
}

/// The faults that wait for a request to strike. Confined to the sandbox's loop.
final class Faults {
    private(set) var pending: [Fault] = []
    static let most = 1000

    /// false: there are too many already.
    func add(_ fault: Fault) -> Bool {
        guard pending.count < Self.most else { return false }
        pending.append(fault)
        return true
    }

    func removeAll() { pending = [] }

    /// The first that strikes this request, counted down.
    func take(for service: Service, method: Method, path: String) -> Fault? {
        guard let index = pending.firstIndex(where: { $0.strikes(service, method: method, path: path) }) else { return nil }
        let fault = pending[index]
        let times = (fault.times ?? 1) - 1
        if times == 0 { pending.remove(at: index) } else { pending[index].times = max(times, -1) }
        return fault
    }
}
