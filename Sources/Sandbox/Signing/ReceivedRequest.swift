import Crypto

/// A request as its signature sees it (ECR 5). Written from the receiver's side: out of what came over the wire, never out of
/// what a client meant to send.
struct ReceivedRequest {
    var method: String
    /// As sent, percent-encoded.
    var path: String
    var query: String = ""
    /// In the order they came, names in any case.
    var fields: [(name: String, value: String)]

    func values(_ name: String) -> [String] { fields.filter { $0.name.lowercased() == name }.map(\.value) }
    func value(_ name: String) -> String? { values(name).first }

    /// - Parameters:
    ///   - signed: names of the signed fields as the signature lists them.
    ///   - payload: hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    ///   - isObjectStore: S3 takes paths as they are, encoded once; the others normalise them and encode again.
    func canonical(signed: [String], payload: String, isObjectStore: Bool) -> String {
        let pairs = PercentEncoding.pairs(of: query)
            .map { (PercentEncoding.encode(PercentEncoding.decode($0)), PercentEncoding.encode(PercentEncoding.decode($1))) }
            .filter { $0.0 != "X-Amz-Signature" }
            .sorted {
                $0.0 == $1.0 ? $0.1.utf8.lexicographicallyPrecedes($1.1.utf8) : $0.0.utf8.lexicographicallyPrecedes($1.0.utf8)
            }
        let lines = signed.map { name in
            let values = values(name).map { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ") }
            return "\(name):\(values.joined(separator: ","))\n"
        }
        return [
            method, isObjectStore ? storedPath : normalisedPath, pairs.map { "\($0)=\($1)" }.joined(separator: "&"), lines.joined(),
            signed.joined(separator: ";"), payload,
        ].joined(separator: "\n")
    }

    private var storedPath: String {
        path.split(separator: "/", omittingEmptySubsequences: false).map {
            PercentEncoding.encode(PercentEncoding.decode(String($0)))
        }
        .joined(separator: "/")
    }

    /// Without dot segments and doubled slashes, and encoded once more than it came.
    private var normalisedPath: String {
        var kept: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." { kept = kept.dropLast() } else { kept.append(segment) }
        }
        let tail = path.hasSuffix("/") && !kept.isEmpty ? "/" : ""
        return PercentEncoding.encode("/" + kept.joined(separator: "/") + tail, safe: "/")
    }
}

/// Date, region and service that a signature is good for: the tail of `Credential`.
struct CredentialScope: Equatable {
    var accessKeyID, day, region, service: String

    /// `AKID/20260101/eu-west-1/ecr/aws4_request`. A key's id may itself hold slashes, so it is read from the right.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 5, parts.last == "aws4_request" else { return nil }
        let tail = parts.suffix(4)
        accessKeyID = parts.dropLast(4).joined(separator: "/")
        (day, region, service) = (tail[tail.startIndex], tail[tail.startIndex + 1], tail[tail.startIndex + 2])
    }

    init(accessKeyID: String, day: String, region: String, service: String) {
        (self.accessKeyID, self.day, self.region, self.service) = (accessKeyID, day, region, service)
    }

    var text: String { "\(day)/\(region)/\(service)/aws4_request" }

    /// Hex, of a canonical request at a time (`20260101T000000Z`).
    func signature(of canonical: String, at time: String, secret: Secret<String>) -> String {
        let toSign = "AWS4-HMAC-SHA256\n\(time)\n\(text)\n" + Hexadecimal.string(of: SHA256.digest(of: canonical.utf8))
        var key = Array("AWS4\(secret.reveal)".utf8)
        for part in [day, region, service, "aws4_request"] { key = HMAC.sha256(key: key, Array(part.utf8)) }
        return Hexadecimal.string(of: HMAC.sha256(key: key, Array(toSign.utf8)))
    }
}
