import Crypto

/// A request as far as a signature covers it.
package struct RequestToSign: Sendable {
    package var method: String
    /// As it stands on the request line, without the query.
    package var path: String
    /// Decoded names and values, in any order.
    package var query: [(name: String, value: String)]
    /// Every field that is sent, `host` (with a port that is not the scheme's) among them; a repeated name in its order.
    package var fields: [(name: String, value: String)]
    package var body: [UInt8]

    package init(
        method: String, path: String = "/", query: [(name: String, value: String)] = [], fields: [(name: String, value: String)],
        body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.body = body
    }
}

/// SigV4's normal form of a request: what both sides must arrive at, byte for byte (ECR 5).
struct CanonicalRequest {
    let text: String
    /// `host;x-amz-date`
    let signedFields: String

    /// Proxies and HTTP libraries change these on the way; a signature over them would break (botocore's list).
    static let unsignedFields: Set<String> = [
        "authorization", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
    ]

    init(_ request: RequestToSign, path rule: SigV4.PathRule, payloadDigest: String) {
        let fields = Self.fields(of: request)
        signedFields = fields.map(\.name).joined(separator: ";")
        text = [
            request.method,
            Self.path(request.path, rule),
            Self.query(request.query),
            fields.map { "\($0.name):\($0.value)\n" }.joined(),
            signedFields,
            payloadDigest,
        ].joined(separator: "\n")
    }

    /// Lower-case names in order, each once; blanks and folded lines one space; repeated fields joined by commas.
    static func fields(of request: RequestToSign) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for (name, value) in request.fields {
            let name = name.lowercased()
            guard !unsignedFields.contains(name) else { continue }
            // Bytes, not characters: to Swift "\r\n" is one character, and a blank with an accent on it another.
            let words = value.utf8.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
            values[name, default: []].append(words.map { String(Substring($0)) }.joined(separator: " "))
        }
        return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value.joined(separator: ",")) }
    }

    static func path(_ path: String, _ rule: SigV4.PathRule) -> String {
        switch rule {
        case .asSent: path.isEmpty ? "/" : path
        case .encodedAgain: PercentEncoding.encode(path.isEmpty ? "/" : path, keepingSlashes: true)
        case .normalizedAndEncodedAgain: PercentEncoding.encode(normalized(path), keepingSlashes: true)
        }
    }

    /// Dot segments resolved (RFC 3986, 5.2.4) and empty segments dropped, which AWS does too.
    private static func normalized(_ path: String) -> String {
        var kept: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment != ".." { kept.append(segment) } else { _ = kept.popLast() }
        }
        return "/" + kept.joined(separator: "/") + (path.hasSuffix("/") && !kept.isEmpty ? "/" : "")
    }

    /// In the order of the encoded names, then values: not of the decoded ones, where `%E1` would follow `P`.
    static func query(_ query: [(name: String, value: String)]) -> String {
        query.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
            .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }
}
