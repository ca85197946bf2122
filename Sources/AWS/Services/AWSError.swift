package import Transport

/// Why a call to AWS failed, for the log and for `berth check`. Contains no secret.
package struct AWSError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    package enum Cause: Sendable {
        /// The service's response is an error. `code` is without its namespace (ECR 3), or `HTTP403` where the response names none.
        case errorResponse(code: String, message: String, status: Int)
        /// No response came.
        case unreachable(HTTPClientError)
        /// There were no credentials to sign the call with.
        case credentials(CredentialError)
        /// A 200 whose body does not follow the service's model; the text says how.
        case malformed(String)

        fileprivate var mayHaveBeenDone: Bool {
            switch self {
            case .errorResponse(_, _, let status): status >= 500
            case .unreachable(let error): !error.saysNotSent
            case .credentials: false
            case .malformed: true
            }
        }
    }

    /// As IAM names it: `ecr:GetAuthorizationToken`.
    package var operation: String
    /// `api.ecr.eu-west-1.amazonaws.com`
    package var host: String
    /// What went wrong.
    package var cause: Cause
    /// AWS's identifier of the request, which its support asks for; nil without one.
    package var requestID: String?
    /// The access key id and the source of the credentials that signed the call; nil for an unsigned call.
    package var signedWith: String?
    /// Seconds that AWS's clock is ahead of this machine's, by the response's `Date`; nil without one.
    package var clockOffset: Int?
    /// The service may have done what was asked, in one of the call's attempts.
    package internal(set) var mayHaveBeenDone: Bool

    init(operation: String, host: String, cause: Cause) {
        self.operation = operation
        self.host = host
        self.cause = cause
        mayHaveBeenDone = cause.mayHaveBeenDone
    }

    /// AWS's error code, without its namespace; nil when the service sent no error response.
    package var code: String? {
        if case .errorResponse(let code, _, _) = cause { code } else { nil }
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

    /// Whether AWS limits the rate of these calls.
    package var isThrottling: Bool { code.map(Self.throttlingCodes.contains) ?? false }

    /// Whether the same call may succeed when it is made again (ECR 4.7). `LimitExceededException` is not transient: ECR uses it for hard quotas.
    package var isTransient: Bool {
        switch cause {
        case .errorResponse(let code, _, let status):
            isThrottling || [500, 502, 503, 504].contains(status)
                || ["RequestTimeout", "RequestTimeoutException", "IDPCommunicationError"].contains(code)
        case .unreachable(let error): error.isTransient
        case .credentials, .malformed: false
        }
    }

    var isTimeout: Bool {
        if case .unreachable(let error) = cause { error.kind == .timeout } else { code?.hasPrefix("RequestTimeout") ?? false }
    }

    /// Whether AWS rejects the credentials, so that others might be accepted.
    var rejectsCredentials: Bool { code.map(Self.credentialCodes.contains) ?? false }

    /// Whether a wrong clock may be the cause: AWS rejects the signature or its time.
    var mayBeClockSkew: Bool { code.map { Self.signatureCodes.contains($0) || Self.clockCodes.contains($0) } ?? false }

    /// What an operator can do about it; nil where that is not known.
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
        case _ where mayBeClockSkew:
            if let clockOffset, abs(clockOffset) >= 60 {
                let direction = clockOffset > 0 ? "behind" : "ahead of"
                return
                    "the clock of this machine is \(abs(clockOffset)) s \(direction) AWS's: synchronise it (chrony, systemd-timesyncd)"
            }
            return "the secret key does not belong to the access key id\(keys), or something on the way changed the request"
        default: return nil
        }
    }

    /// The IAM statement that is missing, as JSON to paste into a policy; nil when permissions are not the cause.
    package var missingStatement: String? {
        guard code == "AccessDeniedException" || code == "AccessDenied" else { return nil }
        let resource =
            operation.hasSuffix(":GetAuthorizationToken") ? "*" : operation.hasPrefix("sts:") ? "ROLE_ARN" : "REPOSITORY_ARN"
        return #"{"Effect": "Allow", "Action": "\#(operation)", "Resource": "\#(resource)"}"#
    }

    /// What an operator can do when no response came; nil where that is not known.
    package static func hint(for error: HTTPClientError) -> String? {
        switch error.kind {
        case .resolve: "check the name and this machine's DNS"
        case .connect, .timeout: "check the route, firewalls, HTTPS_PROXY and the VPC endpoint's security group"
        case .tls: "if a proxy or an endpoint of your own ends TLS here, trust its CA with ca_file or AWS_CA_BUNDLE"
        case .tooLarge, .cancelled, .other: nil
        }
    }

    /// One line: operation, host, cause, request identifier and hint.
    package var description: String { problem + (hint.map { "; \($0)" } ?? "") }

    /// The same without the hint.
    package var problem: String {
        let what =
            switch cause {
            case .errorResponse(let code, let message, let status):
                "\(code) (status \(status))\(message.isEmpty ? "" : ": \(message)")"
            case .unreachable(let error): "\(error.kind.rawValue): \(error.detail)"
            case .credentials(let error): "\(error)"
            case .malformed(let detail): "the response cannot be read: \(detail)"
            }
        return "\(operation) at \(host): \(what)" + (requestID.map { " [request \($0)]" } ?? "")
    }

    /// The longest known message, AccessDenied with two ARNs, has about 400 characters.
    private static let maxCharacters = 1000

    /// Text from outside made fit for one log line: shortened, with spaces for control characters.
    static func printable(_ text: String) -> String {
        String(text.prefix(maxCharacters).map { $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? " " : $0 })
    }
}
