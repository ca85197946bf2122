import HTTP
import Registry

/// A request as the registry API reads it: parsed once, and passed on as this.
struct Call {
    let target: RequestTarget
    let endpoint: Endpoint
    let operation: Operation
    /// The repository that a mount takes its blob from.
    let mountSource: Repository?
    /// Of an upload session, as its `Location` told the client; nil: none, or the client has lost it.
    let upload: UploadState?
    /// containerd's name for the registry it means (wire 6); Berth's own and not forwarded.
    let namespace: [UInt8]?

    /// - Throws: `Refusal`, with the status and code the specification gives. What is no endpoint is never forwarded.
    init(_ head: Head) throws(Refusal) {
        do { target = try RequestTarget(head.target) } catch { throw Refusal(.nameInvalid, error.description) }
        do { endpoint = try Endpoint(path: target.path) } catch { throw Refusal(error) }
        let operations = Operation.all(of: endpoint)
        guard let known = operations.first(where: { $0.method.utf8Bytes.elementsEqual(head.method.token.utf8Bytes) }) else {
            let allowed = operations.map { "\($0.method)" }.joined(separator: ", ")
            throw Refusal(.unsupported, "The methods here are \(allowed).", allow: allowed)
        }
        operation = known.operation
        // RFC 9110 9.3.1: content in these has no meaning, and is a way to make two readers of one connection disagree.
        guard head.framing == .none || [.post, .put, .patch].contains(head.method) else {
            throw Refusal(.unsupported, "A request with this method has no body here.", status: 400)
        }
        try Self.checkDigests(endpoint, operation, target)
        namespace = target.parameter("ns")
        if case .upload = endpoint { upload = UploadState(target.parameter(UploadState.parameter)) } else { upload = nil }
        guard operation == .uploadStart, target.parameter("mount") != nil, let from = target.parameter("from") else {
            mountSource = nil
            return
        }
        guard let source = Repository(from) else { throw Refusal(RegistryError.badMountSource) }
        mountSource = source
    }

    /// A blob in one POST (distribution spec, "Single POST").
    var isMonolithic: Bool { operation == .uploadStart && target.parameter("digest") != nil && target.parameter("mount") == nil }

    /// The query less what is between Berth and its clients.
    var upstreamQuery: [UInt8] { target.query(without: ["ns", UploadState.parameter]) }

    /// ECR names content by sha256 alone: there can be nothing by another name.
    private static func checkDigests(_ endpoint: Endpoint, _ operation: Operation, _ target: RequestTarget) throws(Refusal) {
        func isForeign(_ digest: Digest?) -> Bool { digest?.bytes.starts(with: "sha512:".utf8) ?? false }
        let sentence = "ECR knows sha256 digests alone; push this with one."
        switch endpoint {
        case .blob(_, let digest) where isForeign(digest): throw Refusal(.blobUnknown, sentence)
        case .manifest(_, .digest(let digest)) where isForeign(digest):
            throw operation == .manifestPut ? Refusal(.digestInvalid, sentence) : Refusal(.manifestUnknown, sentence)
        case .uploads, .upload:
            if isForeign(target.parameter("digest").flatMap { Digest($0) }) { throw Refusal(.digestInvalid, sentence) }
            if operation == .uploadFinish, target.parameter("digest").flatMap({ Digest($0) }) == nil {
                throw Refusal(.digestInvalid, "The end of an upload needs the blob's digest: ?digest=sha256:…")
            }
        default: break
        }
    }

    /// What the principal must be allowed: on each repository, one of the actions. No repository: the catalog.
    func isAllowed(to may: (_ actions: [Action], _ repository: Repository?) -> Bool) -> Bool {
        let actions = operation.actions
        guard actions.isEmpty || may(actions, endpoint.repository) else { return false }
        guard let mountSource else { return true }
        return may([.pull], mountSource)
    }
}
