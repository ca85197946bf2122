package import Transport

/// Why a call to AWS failed, for the log and for `berth check`. Holds no secret.
package struct AWSError: Error, Sendable, CustomStringConvertible {
    package enum Cause: Sendable {
        /// The service answered with an error. `code` without its namespace (ECR 3); the status in words where there was none.
        case refused(code: String, message: String, status: Int)
        case unreachable(HTTPClientError)
        case credentials(CredentialError)
        /// A 200 whose body is not what the model says.
        case malformed(String)
    }

    /// As IAM names it: `ecr:GetAuthorizationToken`.
    package var operation: String
    /// `api.ecr.eu-west-1.amazonaws.com`
    package var host: String
    package var cause: Cause
    /// AWS's own, for its support.
    package var requestID: String?
    /// What the call was signed with: access key id and source.
    package var signedWith: String?
    /// Seconds that AWS's clock is ahead of ours, by the answer's `Date`.
    package var clockOffset: Int?

    init(operation: String, host: String, cause: Cause) {
        self.operation = operation
        self.host = host
        self.cause = cause
    }

    package var code: String? {
        if case .refused(let code, _, _) = cause { code } else { nil }
    }

    private static let throttlingCodes: Set<String> = [
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
        "TooManyRequestsException",
        "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
    ]
    private static let signatureCodes: Set<String> = ["InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"]
    private static let clockCodes: Set<String> = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]
    private static let credentialCodes: Set<String> = [
        "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
    ]

    package var isThrottling: Bool { code.map(Self.throttlingCodes.contains) ?? false }

    /// Worth another try as it is (ECR 4.7). `LimitExceededException` is not: with ECR it is a hard quota.
    package var isTransient: Bool {
        switch cause {
        case .refused(let code, _, let status):
            isThrottling || [500, 502, 503, 504].contains(status)
                || ["RequestTimeout", "RequestTimeoutException", "IDPCommunicationError"].contains(code)
        case .unreachable(let error): error.isTransient
        case .credentials, .malformed: false
        }
    }

    var isTimeout: Bool {
        if case .unreachable(let error) = cause { error.kind == .timeout } else { code?.hasPrefix("RequestTimeout") ?? false }
    }

    /// AWS does not take these credentials; others might do.
    var refusesCredentials: Bool { code.map(Self.credentialCodes.contains) ?? false }

    var mayBeTheClock: Bool { code.map { Self.signatureCodes.contains($0) || Self.clockCodes.contains($0) } ?? false }

    /// The fix, where one is known.
    package var hint: String? {
        guard let code else {
            if case .unreachable(let error) = cause { return Self.hint(for: error) }
            return nil
        }
        let keys = signedWith.map { " (\($0))" } ?? ""
        switch code {
        case "AccessDeniedException", "AccessDenied":
            if operation.hasPrefix("sts:") {
                return
                    "allow sts:\(operation.dropFirst(4)) on the role in the policy of these credentials\(keys), and name them in the role's trust policy"
            }
            let resource = operation.hasSuffix(":GetAuthorizationToken") ? "\"*\"" : "the repository"
            return "allow \(operation) on \(resource) in the policy of these credentials\(keys)"
        case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId":
            return
                "the keys\(keys) are unknown here: deleted, of another partition, or a session of a region that must be opted in to"
        case "ExpiredToken", "ExpiredTokenException": return "the session behind the credentials\(keys) is over: renew it"
        case _ where mayBeTheClock:
            if let clockOffset, abs(clockOffset) >= 60 {
                let direction = clockOffset > 0 ? "behind" : "ahead of"
                return
                    "the clock of this machine is \(abs(clockOffset)) s \(direction) AWS's: synchronise it (chrony, systemd-timesyncd)"
            }
            return "the secret key does not belong to the access key id\(keys), or something on the way changed the request"
        default: return nil
        }
    }

    /// What IAM lacks, as a statement to paste into a policy; nil when that is not what is wrong.
    package var missingStatement: String? {
        guard code == "AccessDeniedException" || code == "AccessDenied" else { return nil }
        let resource =
            operation.hasSuffix(":GetAuthorizationToken") ? "*" : operation.hasPrefix("sts:") ? "ROLE_ARN" : "REPOSITORY_ARN"
        return #"{"Effect": "Allow", "Action": "\#(operation)", "Resource": "\#(resource)"}"#
    }

    /// The same for a call that brought no answer.
    package static func hint(for error: HTTPClientError) -> String? {
        switch error.kind {
        case .resolve: "check the name and this machine's DNS"
        case .connect, .timeout: "check the route, firewalls, HTTPS_PROXY and the VPC endpoint's security group"
        case .tls: "if a proxy or an endpoint of your own ends TLS here, trust its CA with ca_file or AWS_CA_BUNDLE"
        case .tooLarge, .cancelled, .other: nil
        }
    }

    package var description: String {
        let what =
            switch cause {
            case .refused(let code, let message, let status): "\(code) (status \(status))\(message.isEmpty ? "" : ": \(message)")"
            case .unreachable(let error): "\(error.kind.rawValue): \(error.detail)"
            case .credentials(let error): "\(error)"
            case .malformed(let detail): "an answer that cannot be read: \(detail)"
            }
        return "\(operation) at \(host): \(what)" + (requestID.map { " [request \($0)]" } ?? "") + (hint.map { "; \($0)" } ?? "")
    }

    /// Text from outside, fit for one line of a log.
    static func printable(_ text: String) -> String {
        let longest = 1000  // characters; the longest message known, AccessDenied with two ARNs, is near 400
        return String(text.prefix(longest).map { $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? " " : $0 })
    }
}
