import Crypto

/// What two processes say to each other when one takes over the other's listening sockets. The new one connects, and says `request`; the running one
/// sends its `sockets`; the new one says `ready` once it accepts connections; the running one stops accepting, and says `released`.
///
/// A message is text: `berth take-over 1`, a line with its name, then lines of a word and a value. Unknown words are skipped, so that later versions
/// can add some; the number changes when that is not enough.
enum TakeOverMessage: Equatable {
    /// - version: of the new program.
    case request(version: String)
    /// Goes with as many sockets as it has places, in the same order.
    /// - remaining: how many sockets follow in later messages.
    /// - key: signs bearer tokens that clients hold; nil: none is passed on.
    case sockets([Place], remaining: Int, key: [UInt8]?)
    case ready
    case released
    /// From the running process: it hands over nothing, or no longer.
    case rejected(reason: String)
    /// From the new process: it cannot serve.
    case failed(reason: String)

    /// What a socket is for: `socket 0.0.0.0:5000`, `socket 127.0.0.1:5001 admin`.
    struct Place: Equatable {
        /// As the configuration writes it.
        let address: SocketAddress
        var isAdmin = false
    }

    /// The first line. What comes after the last space is the protocol's version.
    private static let prefix = "berth take-over ", version = "1"
    /// Of a reason, so that a message keeps within `LocalSocket.maxMessageBytes`.
    private static let maxReasonCharacters = 1000
    /// Of a key.
    private static let maxKeyBytes = 64
    /// Sockets of one gateway: more than descriptors that a process usually has.
    private static let maxSockets = 1 << 16

    // MARK: To bytes

    var bytes: [UInt8] {
        let lines: [String] =
            switch self {
            case .request(let version): ["request", "version \(version)"]
            case .sockets(let places, let remaining, let key):
                ["sockets", "remaining \(remaining)"] + (key.map { ["key \(Hexadecimal.string(of: $0))"] } ?? [])
                    + places.map { "socket \($0.address)\($0.isAdmin ? " admin" : "")" }
            case .ready: ["ready"]
            case .released: ["released"]
            case .rejected(let reason): ["rejected", "reason \(Self.oneLine(reason))"]
            case .failed(let reason): ["failed", "reason \(Self.oneLine(reason))"]
            }
        return Array(([Self.prefix + Self.version] + lines).joined(separator: "\n").utf8)
    }

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 }.prefix(maxReasonCharacters))
    }

    // MARK: From bytes

    /// - Throws: what is wrong with the message, for people.
    init(_ bytes: [UInt8]) throws(TakeOverError) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw TakeOverError("a message is not UTF-8") }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 2, lines[0].hasPrefix(Self.prefix) else {
            throw TakeOverError("a message does not begin with '\(Self.prefix)\(Self.version)' and a name; no berth sent it")
        }
        let theirs = lines[0].dropFirst(Self.prefix.count)
        guard theirs == Self.version else {
            throw TakeOverError(
                "the other berth hands over by version \(theirs.prefix(8)), this one by \(Self.version): stop the one that runs, and start the new one"
            )
        }
        func values(_ word: String) -> [Substring] {
            lines.dropFirst(2).compactMap { $0.hasPrefix(word + " ") ? $0.dropFirst(word.count + 1) : nil }
        }
        func value(_ word: String) throws(TakeOverError) -> String {
            guard let value = values(word).first else {
                throw TakeOverError("the message '\(lines[1].prefix(16))' lacks '\(word)'")
            }
            return String(value.prefix(Self.maxReasonCharacters))
        }
        switch lines[1] {
        case "request": self = .request(version: try value("version"))
        case "sockets":
            let remaining = try value("remaining")
            guard let count = Int(remaining), 0...Self.maxSockets ~= count else {
                throw TakeOverError("'remaining \(remaining)' is no number from 0 to \(Self.maxSockets)")
            }
            var places: [Place] = []
            for text in values("socket") {
                let words = text.split(separator: " ")
                guard let address = words.first.flatMap({ SocketAddress(String($0)) }) else {
                    throw TakeOverError("'socket \(text.prefix(64))' is no address and port")
                }
                places.append(Place(address: address, isAdmin: words.contains("admin")))
            }
            let key = values("key").first.map { Hexadecimal.decoded(Array($0.utf8)[...]) ?? [] }
            if let key, !(1...Self.maxKeyBytes ~= key.count) {
                throw TakeOverError("'key' is not 1 to \(Self.maxKeyBytes) bytes in hexadecimal digits")
            }
            self = .sockets(places, remaining: count, key: key)
        case "ready": self = .ready
        case "released": self = .released
        case "rejected": self = .rejected(reason: try value("reason"))
        case "failed": self = .failed(reason: try value("reason"))
        default: throw TakeOverError("the message '\(lines[1].prefix(16))' is not known")
        }
    }

    /// The name of the message, for errors.
    var name: String {
        switch self {
        case .request: "request"
        case .sockets: "sockets"
        case .ready: "ready"
        case .released: "released"
        case .rejected: "rejected"
        case .failed: "failed"
        }
    }
}
