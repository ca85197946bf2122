import Crypto
import HTTP

/// SigV4's canonical form of a request, which client and server must agree on byte for byte (ECR 5).
struct CanonicalRequest {
    let text: String
    /// `host;x-amz-date`
    let signedFields: String

    /// Fields that proxies and HTTP libraries change on the way, which would break a signature over them (botocore's list).
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

    /// Sorted by lower-case name, each name once. Runs of white space and folded lines become one space; repeated fields are joined by commas.
    static func fields(of request: RequestToSign) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for (name, value) in request.fields {
            let name = name.lowercased()
            guard !unsignedFields.contains(name) else { continue }
            // Bytes, as Swift takes "\r\n" for one Character, and a space followed by a combining mark for another.
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

    /// Dot segments resolved (RFC 3986 5.2.4) and empty segments dropped, as AWS does.
    private static func normalized(_ path: String) -> String {
        var kept: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment != ".." { kept.append(segment) } else { _ = kept.popLast() }
        }
        return "/" + kept.joined(separator: "/") + (path.hasSuffix("/") && !kept.isEmpty ? "/" : "")
    }

    /// Sorted by encoded name, then encoded value. Decoded names sort differently: `%E1` would follow `P`.
    static func query(_ query: [(name: String, value: String)]) -> String {
        query.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
            .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }
}
