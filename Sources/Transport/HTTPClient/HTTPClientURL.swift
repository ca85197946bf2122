import HTTP

/// The URL of a request, parsed once: `https://api.ecr.eu-west-1.amazonaws.com/`, `http://[fd00:ec2::254]/latest/api/token`.
package struct HTTPClientURL: Sendable, Hashable, CustomStringConvertible {
    /// No other scheme is supported.
    package enum Scheme: String, Sendable, Hashable {
        case http, https
        /// The default port.
        package var port: Int { self == .http ? 80 : 443 }
    }

    /// Decides on TLS.
    package var scheme: Scheme
    /// In lower case, without a trailing dot; an IPv6 address in its brackets.
    package var host: String
    /// Of the URL, or the scheme's default.
    package var port: Int
    /// Starts with `/`; percent-encoded, as it goes on the request line.
    package var path: String
    /// Percent-encoded, without the `?`. May hold secrets: `description` leaves it out.
    package var query: String?

    /// From parts that are known to be valid.
    package init(scheme: Scheme, host: String, port: Int? = nil, path: String = "/", query: String? = nil) {
        self.scheme = scheme
        self.host = HostName.normalized(host)
        self.port = port ?? scheme.port
        self.path = path
        self.query = query
    }

    /// Accepts `http` or `https`, a host, and optionally a port, a path and a query. nil for anything else, also with user information, a fragment or
    /// blanks.
    package init?(_ text: String) {
        guard let colon = text.range(of: "://"), let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased()) else {
            return nil
        }
        let rest = text[colon.upperBound...]
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else { return nil }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest.dropFirst(authority.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var host = authority
        var port = scheme.port
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
            host = authority[..<colon]
            port = Int(number)
        }
        guard Self.isHost(host) else { return nil }
        self.init(
            scheme: scheme, host: String(host), port: port, path: target.first.map { $0.isEmpty ? "/" : String($0) } ?? "/",
            query: target.count > 1 ? String(target[1]) : nil)
    }

    private static func isHost(_ host: Substring) -> Bool {
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return address.contains(":") && address.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return !host.isEmpty && host.utf8.count <= 253
            && host.allSatisfy { ($0.isASCII && ($0.isLetter || $0.isNumber)) || $0 == "." || $0 == "-" || $0 == "_" }
    }

    /// The value of the `Host` field, which a signature covers: with the port only where it is not the scheme's default.
    package var hostField: String { port == scheme.port ? host : "\(host):\(port)" }

    /// The URL without its query.
    package var description: String { "\(scheme)://\(hostField)\(path)" }

    /// The URL with its query.
    var absoluteString: String { description + (query.map { "?" + $0 } ?? "") }
}

extension StringProtocol {
    fileprivate func range(of separator: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(separator) { return start..<index(start, offsetBy: separator.count) }
            start = index(after: start)
        }
        return nil
    }
}
