import Crypto
package import FoundationEssentials
import HTTP

/// AWS Signature Version 4 for one service in one region (ECR 5). Pure: the caller passes in the time.
package struct SigV4: Sendable {
    /// How the path enters the canonical request.
    package enum PathRule: Sendable {
        /// Dot segments resolved, then percent-encoded again: every service but S3.
        case normalizedAndEncodedAgain
        /// Percent-encoded again, with its dot segments.
        case encodedAgain
        /// S3, whose object keys may contain dot segments and empty ones.
        case asSent
    }

    /// Whether the session token is part of what is signed.
    package enum SessionToken: Sendable {
        /// As almost every service requires.
        case signed
        /// Added after the signature is made, as few services require.
        case addedAfterSigning
    }

    static let algorithm = "AWS4-HMAC-SHA256"

    /// `eu-west-1`
    package var region: String
    /// The signing name: `ecr`, `sts`, `s3`.
    package var service: String
    /// S3 needs another one.
    package var pathRule = PathRule.normalizedAndEncodedAgain
    /// Few services need another one.
    package var sessionToken = SessionToken.signed

    /// - Parameter service: the signing name: `ecr`, `sts`, `s3`.
    package init(region: String, service: String) {
        self.region = region
        self.service = service
    }

    /// Returns the fields to add to the request: `X-Amz-Date`, `X-Amz-Security-Token` for temporary credentials, `Authorization`.
    package func fields(signing request: RequestToSign, with credentials: Credentials, at time: Date) -> [(
        name: String, value: String
    )] {
        var request = request
        let timestamp = Timestamp(time)
        var added = [(name: "X-Amz-Date", value: timestamp.text)]
        let token = credentials.sessionToken.map { (name: "X-Amz-Security-Token", value: $0.reveal) }
        if let token, sessionToken == .signed { added.append(token) }
        request.fields += added
        let signature = signature(of: request, payloadDigest: Self.digest(of: request.body), with: credentials, at: timestamp)
        if let token, sessionToken == .addedAfterSigning { added.append(token) }
        let credential = "\(credentials.accessKeyID)/\(scope(timestamp))"
        let proof = "Credential=\(credential), SignedHeaders=\(signature.signedFields), Signature=\(signature.value)"
        added.append((name: "Authorization", value: "\(Self.algorithm) \(proof)"))
        return added
    }

    /// Returns the encoded query of a presigned URL.
    /// - Parameters:
    ///   - lifetime: seconds from `time`.
    ///   - payloadDigest: hexadecimal SHA-256, or `UNSIGNED-PAYLOAD` for S3.
    package func query(
        presigning request: RequestToSign, with credentials: Credentials, at time: Date, lifetime: Int, payloadDigest: String
    ) -> String {
        let timestamp = Timestamp(time)
        let (request, token) = presigned(request, with: credentials, at: timestamp, lifetime: lifetime)
        let signature = signature(of: request, payloadDigest: payloadDigest, with: credentials, at: timestamp)
        let late = (token.map { [$0] } ?? []) + [(name: "X-Amz-Signature", value: signature.value)]
        return (request.query + late)
            .map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }

    func presigned(
        _ request: RequestToSign, with credentials: Credentials, at timestamp: Timestamp, lifetime: Int
    ) -> (request: RequestToSign, tokenAfterSigning: (name: String, value: String)?) {
        var request = request
        request.query += [
            (name: "X-Amz-Algorithm", value: Self.algorithm),
            (name: "X-Amz-Credential", value: "\(credentials.accessKeyID)/\(scope(timestamp))"),
            (name: "X-Amz-Date", value: timestamp.text),
            (name: "X-Amz-Expires", value: String(lifetime)),
            (name: "X-Amz-SignedHeaders", value: CanonicalRequest.fields(of: request).map(\.name).joined(separator: ";")),
        ]
        guard let token = credentials.sessionToken.map({ (name: "X-Amz-Security-Token", value: $0.reveal) }) else {
            return (request, nil)
        }
        if sessionToken == .addedAfterSigning { return (request, token) }
        request.query.append(token)
        return (request, nil)
    }

    struct Signature {
        /// May contain the session token: never log them.
        let canonicalRequest: String, stringToSign: String
        let signedFields: String
        /// 64 hexadecimal digits.
        let value: String
    }

    /// - Parameter request: with everything that is signed, including the date.
    func signature(
        of request: RequestToSign, payloadDigest: String, with credentials: Credentials, at timestamp: Timestamp
    ) -> Signature {
        let canonical = CanonicalRequest(request, path: pathRule, payloadDigest: payloadDigest)
        let stringToSign = [
            Self.algorithm, timestamp.text, scope(timestamp), Self.digest(of: Array(canonical.text.utf8)),
        ].joined(separator: "\n")
        var key = Array("AWS4\(credentials.secretAccessKey.reveal)".utf8)
        for part in [String(timestamp.day), region, service, "aws4_request", stringToSign] {
            key = HMAC.sha256(key: key, Array(part.utf8))
        }
        return Signature(
            canonicalRequest: canonical.text, stringToSign: stringToSign, signedFields: canonical.signedFields,
            value: Hexadecimal.string(of: key))
    }

    private func scope(_ timestamp: Timestamp) -> String { "\(timestamp.day)/\(region)/\(service)/aws4_request" }

    /// Hexadecimal SHA-256.
    package static func digest(of body: [UInt8]) -> String { Hexadecimal.string(of: SHA256.digest(of: body)) }
}
