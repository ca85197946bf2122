import Crypto

/// Issues and checks the presigned URLs of the layer bucket (ECR 1.4, 5): only those issued here are ever good.
final class PresignedURLs {
    enum Refusal: Error, Equatable {
        case unsigned
        case malformed(String)
        case unknownKey
        case mismatch
        /// When it ended, seconds since 1970, and for how long it was good.
        case expired(at: Int, lifetime: Int)
        /// The session behind it has been ended by `expireAll`.
        case sessionEnded
    }

    /// What every sample shows (ECR 1.4).
    static let lifetime = 3600

    private let region: String
    private let keys: SigningKeys
    /// Grows with each `expireAll`; the security token carries the one it was issued in, under the signature.
    private var generation = 0

    init(region: String, keys: SigningKeys = .make(sessionUntil: .max, caller: Caller(arn: "ecr", userID: "ecr"))) {
        (self.region, self.keys) = (region, keys)
    }

    func expireAll() { generation += 1 }

    private var token: String { (keys.session?.token.reveal ?? "") + ".\(generation)" }

    /// - Parameter path: of plain characters, with its leading slash.
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

    func check(_ request: ReceivedRequest, now: Int) throws(Refusal) {
        let query = Dictionary(
            PercentEncoding.pairs(of: request.query).map { ($0, PercentEncoding.decode($1)) },
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
