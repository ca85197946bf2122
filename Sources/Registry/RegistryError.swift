/// An error response of a registry (distribution spec, "Error Codes"): code, status, and a message that says what to do.
package struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// The specification's codes, and `UNAVAILABLE`, which docker's registry adds.
    package enum Code: String, Sendable, CaseIterable {
        case blobUnknown = "BLOB_UNKNOWN", blobUploadInvalid = "BLOB_UPLOAD_INVALID", blobUploadUnknown = "BLOB_UPLOAD_UNKNOWN"
        case digestInvalid = "DIGEST_INVALID"
        case manifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", manifestInvalid = "MANIFEST_INVALID", manifestUnknown =
            "MANIFEST_UNKNOWN"
        case nameInvalid = "NAME_INVALID", nameUnknown = "NAME_UNKNOWN"
        case sizeInvalid = "SIZE_INVALID", tagInvalid = "TAG_INVALID"
        case unauthorized = "UNAUTHORIZED", denied = "DENIED", unsupported = "UNSUPPORTED", tooManyRequests = "TOOMANYREQUESTS"
        case unavailable = "UNAVAILABLE"

        /// The status that the specification or docker's registry gives with the code.
        package var status: Int {
            switch self {
            case .blobUnknown, .blobUploadUnknown, .manifestUnknown, .manifestBlobUnknown, .nameUnknown: 404
            case .blobUploadInvalid, .digestInvalid, .manifestInvalid, .nameInvalid, .sizeInvalid, .tagInvalid: 400
            case .unauthorized: 401
            case .denied: 403
            case .unsupported: 405
            case .tooManyRequests: 429
            case .unavailable: 503
            }
        }
    }

    /// For clients that act on errors.
    package let code: Code
    /// Of the HTTP response.
    package let status: Int
    /// One or more sentences for the user.
    package let message: String

    /// - Parameter status: nil for the code's own. `UNAVAILABLE`, for example, also goes with 502 and 504.
    package init(_ code: Code, _ message: String, status: Int? = nil) {
        (self.code, self.message) = (code, message)
        self.status = status ?? code.status
    }

    /// Status, code and message, for the log.
    package var description: String { "\(status) \(code.rawValue): \(message)" }

    /// The body: `{"errors":[{"code","message","detail"}]}` with a line feed at the end, as docker parses it (ECR 1.2).
    /// - Parameter requestID: goes into `detail`; nil makes that null.
    package func json(requestID: String?) -> [UInt8] {
        var json: [UInt8] = Array("{\"errors\":[{\"code\":\"\(code.rawValue)\",\"message\":\"".utf8)
        Self.append(message, to: &json)
        json += "\",\"detail\":".utf8
        if let requestID {
            json += "{\"request_id\":\"".utf8
            Self.append(requestID, to: &json)
            json += "\"}".utf8
        } else {
            json += "null".utf8
        }
        json += "}]}\n".utf8
        return json
    }

    /// Escapes the text for a JSON string (RFC 8259 7).
    private static func append(_ text: String, to json: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case 0..<32:
                let digits = Array("0123456789abcdef".utf8)
                json += "\\u00".utf8
                json += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: json.append(byte)
            }
        }
    }

    static let notAnEndpoint = RegistryError(.nameUnknown, "This is not an endpoint of the registry API (/v2/...).")
    static let badName = RegistryError(
        .nameInvalid,
        "The repository's name must be lower-case letters and digits, separated by one of . _ __ - and /, 255 characters at most.")
    static let badReference = RegistryError(
        .tagInvalid, "The reference is neither a tag (128 of A-Za-z0-9._-) nor a digest (sha256:...).")
    /// A digest is malformed.
    package static let badDigest = RegistryError(
        .digestInvalid, "The digest must be sha256: and 64, or sha512: and 128 lower-case hexadecimal digits.")
    static let badSession = RegistryError(.blobUploadUnknown, "This is not the name of an upload session.")
}
