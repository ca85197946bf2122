/// The configuration's `connect_to`: `host:port` or `*.domain:port` → `address:port`.
public struct ConnectTo: Sendable {
    private let exact: [String: (String, UInt16)]
    /// Longest suffix first, so that the most precise entry decides.
    private let suffixes: [(suffix: String, target: (String, UInt16))]

    /// - Parameter table: keys and values as `host:port`, a key's host perhaps with a leading `*.`.
    public init(_ table: [String: String]) {
        var exact: [String: (String, UInt16)] = [:]
        var suffixes: [(suffix: String, target: (String, UInt16))] = []
        for (key, value) in table {
            // Left out, an entry would let a call reach AWS that was to stay in a private network.
            guard let target = Self.split(value) else { preconditionFailure("connect_to has been checked by who read it") }
            if key.hasPrefix("*.") {
                suffixes.append((String(key.dropFirst()).lowercased(), target))
            } else {
                exact[key.lowercased()] = target
            }
        }
        self.exact = exact
        self.suffixes = suffixes.sorted { ($0.suffix.count, $0.suffix) > ($1.suffix.count, $1.suffix) }
    }

    public func target(of host: String, _ port: UInt16) -> (String, UInt16)? {
        let name = "\(host):\(port)"
        return exact[name] ?? suffixes.first { name.hasSuffix($0.suffix) && name.count > $0.suffix.count }?.target
    }

    private static func split(_ text: String) -> (String, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }
}
