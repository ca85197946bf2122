/// Why a signature is rejected. The texts are AWS's (ECR 3); each protocol has its own codes for them.
enum SignatureError: Error, Equatable {
    case missing
    case incomplete(String)
    case unknownKey
    case sessionExpired
    case invalid(String)

    static let mismatch = SignatureError.invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
            + "signing method. Consult the service documentation for details.")
}
