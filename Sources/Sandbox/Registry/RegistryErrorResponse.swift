/// An error response in the registry's JSON (ECR 1.2).
struct RegistryErrorResponse: Error {
    var status: Int
    var code: String
    var message: String

    struct Body: Encodable {
        struct Entry: Encodable { var code, message: String }
        var errors: [Entry]
    }

    /// JSON with a line feed at the end, as ECR sends it.
    var body: [UInt8] {
        get throws { try JSON.bytes(of: Body(errors: [.init(code: code, message: message)])) + [10] }
    }

    static func unknownUpload(_ id: String, in repository: String, account: Account) -> Self {
        .init(
            status: 404, code: "BLOB_UPLOAD_UNKNOWN",
            message:
                "The upload with id '\(id)' in the repository with name '\(repository)' in registry with id '\(account.id)' could not be found"
        )
    }
    static func invalidUpload(_ message: String, status: Int = 400) -> Self {
        .init(status: status, code: "BLOB_UPLOAD_INVALID", message: message)
    }
    static let unknownManifest = Self(status: 404, code: "MANIFEST_UNKNOWN", message: "Requested image not found")
    static func denied(_ message: String) -> Self { .init(status: 403, code: "DENIED", message: message) }
    static let throttled = Self(status: 429, code: "TOOMANYREQUESTS", message: "Rate exceeded")

    /// ECR's response to an InvalidParameterException of the API behind it.
    static func invalidParameter(_ name: String, _ constraint: String, account: Account) -> Self {
        .init(
            status: account.quirks[.invalidParameterNotAllowed] ? 405 : 400, code: "UNSUPPORTED",
            message: "Invalid parameter at '\(name)' failed to satisfy constraint: '\(constraint)'")
    }
}
