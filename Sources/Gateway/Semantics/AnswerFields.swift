import HTTPServer
import Crypto
import HTTP
import Registry

/// A field of an answer that is Berth's: it stands in the place of the upstream's of that name.
struct AnswerField {
    /// `other`: the upstream has none of this name.
    let known: FieldName
    let name: StaticString
    let value: [UInt8]

    init(_ known: FieldName, _ name: StaticString, _ value: [UInt8]) { (self.known, self.name, self.value) = (known, name, value) }
}

/// What the distribution specification asks of an answer and ECR leaves out (ECR 1.3, 1.5).
extension Forwarding {
    /// - Parameters:
    ///   - rewriting: of what the upstream says of itself.
    ///   - body: of the answer, where it has been gathered.
    func specifiedFields(_ head: Head, _ rewriting: Rewriting, body: [UInt8]?) -> [AnswerField] {
        guard (200..<300).contains(head.status), let repository = call.endpoint.repository else { return [] }
        switch call.operation {
        case .uploadStart where head.status == 201:
            guard let digest = call.mount?.digest ?? call.digest else { return [] }
            return placed(at: "blobs", digest.bytes, repository, head, rewriting)
        case .uploadStart: return session(.start, head, rewriting) + chunkMinimum(head)
        case .uploadChunk: return session(uploadAfter, head, rewriting)
        case .uploadStatus: return session(call.upload, head, rewriting)
        case .uploadFinish:
            guard let digest = call.digest else { return [] }
            return placed(at: "blobs", digest.bytes, repository, head, rewriting)
        case .manifestPut:
            guard let digest = head.value(of: .dockerContentDigest).map(Array.init) ?? manifestDigest else { return [] }
            return placed(at: "manifests", digest, repository, head, rewriting)
        case .manifestGet:
            guard head.value(of: .dockerContentDigest) == nil else { return [] }
            var digest = body.map { Self.digest(of: $0) }
            if case .manifest(_, .digest(let named)) = call.endpoint { digest = named.bytes }
            return digest.map { [AnswerField(.dockerContentDigest, "Docker-Content-Digest", $0)] } ?? []
        default: return []
        }
    }

    private func placed(at kind: StaticString, _ digest: [UInt8], _ repository: Repository, _ head: Head, _ rewriting: Rewriting)
        -> [AnswerField]
    {
        let place = Array("/v2/".utf8) + repository.bytes + Array("/\(kind)/".utf8) + digest
        let location = head.value(of: .location).flatMap { rewriting.location($0) } ?? rewriting.publicURL + place
        return [AnswerField(.location, "Location", location), AnswerField(.dockerContentDigest, "Docker-Content-Digest", digest)]
    }

    /// Of an upload that goes on. `state` nil: how far it has come is not known, and the upstream's own word is the best there is.
    private func session(_ state: UploadState?, _ head: Head, _ rewriting: Rewriting) -> [AnswerField] {
        // Where it was, unless the upstream says otherwise. What it says of another host passes as it is.
        let location = head.value(of: .location).map { rewriting.location($0) ?? Array($0) } ?? place
        let session = location.prefix { $0 != UInt8(ascii: "?") }.split(separator: UInt8(ascii: "/")).last ?? []
        var fields = [AnswerField(.location, "Location", state?.location(location) ?? location)]
        if head.value(of: .dockerUploadUUID) == nil {
            fields.append(AnswerField(.dockerUploadUUID, "Docker-Upload-UUID", Array(session)))
        }
        if let state { fields.append(AnswerField(.range, "Range", state.range)) }
        return fields
    }

    /// What was asked for, as a `Location`, without an upload's state.
    private var place: [UInt8] {
        let query = call.upstreamQuery.isEmpty ? [] : [UInt8(ascii: "?")] + call.upstreamQuery
        return site.doors[exchange.record.listener].publicURL + call.target.path + query
    }

    /// Where an upload goes on, and from which byte.
    func fields(of upload: UploadState) -> [(String, String)] {
        [
            ("Location", String(decoding: upload.location(place), as: UTF8.self)),
            ("Range", String(decoding: upload.range, as: UTF8.self)),
        ]
    }

    private func chunkMinimum(_ head: Head) -> [AnswerField] {
        guard head.string("oci-chunk-min-length") == nil else { return [] }
        return [AnswerField(.other, "OCI-Chunk-Min-Length", Array("\(UploadState.partMinimum)".utf8))]
    }

    /// What has been taken with the chunk that the upstream has just said yes to.
    private var uploadAfter: UploadState? {
        let before = chunkRange.map { UploadState(offset: $0.offsets.lowerBound, endsShort: false) } ?? call.upload
        return before?.adding(payload)
    }
}

/// What a chunk says of its own place, checked before the upstream gets a byte of it: what ECR refuses only when all has been sent, or by a
/// reset (ECR 1.5), the client hears at once.
extension Forwarding {
    var chunkRange: ChunkRange? { request.head.value(of: .contentRange).flatMap { ChunkRange($0) } }

    func checkChunk() throws {
        guard call.operation == .uploadChunk || call.operation == .uploadFinish, request.head.framing != .none else { return }
        if request.head.value(of: .contentRange) != nil {
            guard let range = chunkRange else {
                throw Refusal(.blobUploadInvalid, "The Content-Range of a chunk is its first and its last byte, like 0-1048575.")
            }
            if case .length(let count) = request.head.framing, count != range.offsets.count {
                throw Refusal(.sizeInvalid, "The chunk has \(count) bytes, and its Content-Range says \(range.offsets.count).")
            }
            if let upload = call.upload, upload.offset != range.offsets.lowerBound {
                throw outOfOrder(
                    upload, "The chunk begins at byte \(range.offsets.lowerBound), and \(upload.offset) have been taken.")
            }
        }
        if call.upload?.endsShort == true {
            throw Refusal(
                .blobUploadInvalid,
                "The chunk before this one had fewer than \(UploadState.partMinimum) bytes, which ECR takes only of the last one; send chunks of OCI-Chunk-Min-Length."
            )
        }
    }

    /// 416, and where to go on (distribution spec, "Pushing a blob in chunks").
    func outOfOrder(_ upload: UploadState, _ message: String) -> Refusal {
        Refusal(RegistryError(.blobUploadInvalid, message, status: 416), others: fields(of: upload))
    }
}
