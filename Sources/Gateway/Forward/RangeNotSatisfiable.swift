import HTTP
import Registry

/// 416 (Range Not Satisfiable), in the two forms that clients get.
enum RangeNotSatisfiable {
    /// To GET of a blob with a range outside of it (RFC 9110 15.5.17).
    /// - Parameter contentRange: `bytes */1234`, which tells the blob's size; nil: it is not known.
    static func blob(_ contentRange: String?) -> ErrorResponse {
        ErrorResponse(
            .sizeInvalid, "The range asked for is outside of the blob.", status: 416,
            others: contentRange.map { [("Content-Range", $0)] } ?? [])
    }

    /// To a chunk that does not begin where the upload has come to (distribution spec, "Pushing a blob in chunks").
    /// - Parameter fields: where the upload goes on: `Location` and `Range`.
    static func chunk(_ message: String, fields: [(String, String)]) -> ErrorResponse {
        ErrorResponse(.blobUploadInvalid, message, status: 416, others: fields)
    }
}
