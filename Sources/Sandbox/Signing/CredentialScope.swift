import Crypto

/// The access key id, day, region and service that a signature is valid for: the value of `Credential`.
struct CredentialScope: Equatable {
    var accessKeyID, day, region, service: String

    /// `AKID/20260101/eu-west-1/ecr/aws4_request`. An access key id may have slashes, so the text is read from its end.
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

    /// The hexadecimal signature of a canonical request.
    /// - Parameter time: `20260101T000000Z`
    func signature(of canonical: String, at time: String, secret: Secret<String>) -> String {
        let toSign = "AWS4-HMAC-SHA256\n\(time)\n\(text)\n" + Hexadecimal.string(of: SHA256.digest(of: Array(canonical.utf8)))
        var key = Array("AWS4\(secret.reveal)".utf8)
        for part in [day, region, service, "aws4_request"] { key = HMAC.sha256(key: key, Array(part.utf8)) }
        return Hexadecimal.string(of: HMAC.sha256(key: key, Array(toSign.utf8)))
    }
}
