import Crypto
import HTTP

/// Issues and checks the presigned URLs of the layer bucket (ECR 1.4, 5). Only those issued here are valid.
final class PresignedURLs {
    enum Problem: Error, Equatable {
        case unsigned
        case malformed(String)
        case unknownKey
        case mismatch
        /// The expiry in seconds since 1970, and the URL's lifetime in seconds.
        case expired(at: Int, lifetime: Int)
        /// `expireAll` has ended the session behind the URL.
        case sessionEnded
    }

    /// Seconds, as in every sample (ECR 1.4).
    static let lifetime = 3600

    private let region: String
    private let keys: SigningKeys
    /// Grows with each `expireAll`. The security token contains the generation that it was issued in, and is signed.
    private var generation = 0

    init(region: String, keys: SigningKeys = .make(sessionUntil: .max, caller: Caller(arn: "ecr", userID: "ecr"))) {
        (self.region, self.keys) = (region, keys)
    }

    func expireAll() { generation += 1 }

    private var token: String { (keys.session?.token.reveal ?? "") + ".\(generation)" }

    /// - Parameter path: of characters that need no encoding, with a leading slash.
    func url(host: String, path: String, now: Int) -> String {
        let time = Moment.basic(now)
        let scope = CredentialScope(accessKeyID: keys.accessKeyID, day: Moment.day(now), region: region, service: "s3")
        let query = [
            ("X-Amz-Security-Token", token), ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Date", time),
            ("X-Amz-SignedHeaders", "host"), ("X-Amz-Expires", String(Self.lifetime)),
            ("X-Amz-Credential", "\(keys.accessKeyID)/\(scope.text)"),
        ].map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        let request = ReceivedRequest(method: "GET", path: path, query: query, fields: [("host", host)])
        let canonical = request.canonical(signed: ["host"], payload: "UNSIGNED-PAYLOAD", isObjectStore: true)
        return "https://\(host)\(path)?\(query)&X-Amz-Signature=\(scope.signature(of: canonical, at: time, secret: keys.secret))"
    }

    func check(_ request: ReceivedRequest, now: Int) throws(Problem) {
        let query = Dictionary(
            QueryPairs.split(request.query).map { ($0, PercentEncoding.decode($1)) },
            uniquingKeysWith: { first, _ in first })
        guard let algorithm = query["X-Amz-Algorithm"] else { throw .unsigned }
        guard algorithm == "AWS4-HMAC-SHA256", let signature = query["X-Amz-Signature"], let time = query["X-Amz-Date"],
            let moment = Moment.parse(basic: time), let signed = query["X-Amz-SignedHeaders"],
            let lifetime = query["X-Amz-Expires"].flatMap(Int.init),
            let scope = query["X-Amz-Credential"].flatMap(CredentialScope.init)
        else {
            throw .malformed(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
                    + "X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
        }
        guard (1...604_800).contains(lifetime) else { throw .malformed("X-Amz-Expires must be between 1 and 604800 seconds") }
        guard scope.accessKeyID == keys.accessKeyID else { throw .unknownKey }
        guard scope.region == region, scope.service == "s3", scope.day == time.prefix(8) else {
            throw .malformed(
                "Error parsing the X-Amz-Credential parameter; the region '\(scope.region)' is wrong; expecting '\(region)'")
        }
        let canonical = request.canonical(
            signed: signed.split(separator: ";").map(String.init), payload: "UNSIGNED-PAYLOAD", isObjectStore: true)
        let expected = scope.signature(of: canonical, at: time, secret: keys.secret)
        guard constantTimeEqual(Array(expected.utf8), Array(signature.utf8)), signed.split(separator: ";").contains("host") else {
            throw .mismatch
        }
        if moment + lifetime < now { throw .expired(at: moment + lifetime, lifetime: lifetime) }
        if query["X-Amz-Security-Token"] != token { throw .sessionEnded }
    }
}
