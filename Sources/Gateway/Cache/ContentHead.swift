import HTTP
import Registry

/// The head of a response from the cache: as the upstream's is when Berth has passed it on, so that clients cannot tell them apart.
struct ContentHead {
    let digest: Digest
    /// Of a manifest; nil: it is a blob.
    let mediaType: String?
    /// No registry answers.
    var isStale = false

    /// A blob's entity tag, with the quotes.
    static func tag(of digest: Digest) -> String { "\"\(digest)\"" }

    static func status(_ selection: ContentSelection) -> Int {
        switch selection {
        case .whole: 200
        case .part: 206
        case .notModified: 304
        case .preconditionFailed: 412
        case .unsatisfiable: 416
        }
    }

    /// - Parameter part: of how many bytes; nil: the whole.
    func write(part: (range: Range<Int>, size: Int)?, to writer: ResponseHeadWriter) {
        if let mediaType {
            writer.field("Content-Type", Array(mediaType.utf8))
        } else {
            writer.field("Content-Type", "application/octet-stream")
            writer.field("Accept-Ranges", "bytes")
            writer.field("ETag", Array(Self.tag(of: digest).utf8))
        }
        if let part {
            writer.field("Content-Range", Array("bytes \(part.range.lowerBound)-\(part.range.upperBound - 1)/\(part.size)".utf8))
        }
        writer.field("Docker-Distribution-Api-Version", "registry/2.0")
        writer.field("Docker-Content-Digest", digest.bytes)
        // RFC 7234 5.5.1
        if isStale { writer.field("Warning", "110 - \"Response is Stale\"") }
    }
}
