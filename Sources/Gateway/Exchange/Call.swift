import Access
import HTTP
import Registry

/// A request as the registry API reads it: parsed once, and passed on as this.
struct Call {
    let target: RequestTarget
    let endpoint: Endpoint
    let operation: RegistryOperation
    /// The blob of an upload that says so: of its end, or of one that is a single POST.
    let digest: Digest?
    /// The blob that is to be mounted, and the repository that it is in; nil: a session's start, as of a mount that cannot be.
    private(set) var mount: (digest: Digest, source: Repository)?
    /// Of an upload session, as its `Location` told the client; nil: none, or the client has lost it.
    let upload: UploadState?
    /// `n`: how many names a list may have at most; nil: as many as there are.
    let count: Int?
    /// containerd's name for the registry it means (ECR 6); Berth's own and not forwarded.
    let namespace: [UInt8]?

    /// - Throws: `Refusal`, with the status and code the specification gives. What is no endpoint is never forwarded.
    init(_ head: Head) throws(Refusal) {
        do { target = try RequestTarget(head.target) } catch { throw Refusal(.nameInvalid, error.description) }
        do { endpoint = try Endpoint(path: target.path) } catch { throw Refusal(error) }
        let operations = RegistryOperation.all(of: endpoint)
        guard let known = operations.first(where: { $0.method.utf8Bytes.elementsEqual(head.method.token.utf8Bytes) }) else {
            let allowed = operations.map { "\($0.method)" }.joined(separator: ", ")
            throw Refusal(.unsupported, "The methods here are \(allowed).", allow: allowed)
        }
        operation = known.operation
        // RFC 9110 9.3.1: content in these has no meaning, and is a way to make two readers of one connection disagree.
        guard head.framing == .none || [.post, .put, .patch].contains(head.method) else {
            throw Refusal(.unsupported, "A request with this method has no body here.", status: 400)
        }
        count = try Self.count(target, operation)
        namespace = target.parameter("ns")
        if case .upload = endpoint { upload = UploadState(target.parameter(UploadState.parameter)) } else { upload = nil }
        let isUpload = operation == .uploadStart || operation == .uploadFinish
        digest = try isUpload ? Self.digest(target, isNeeded: operation == .uploadFinish) : nil
        mount = operation == .uploadStart ? Self.mount(target) : nil
        // A registry may read parameters out of a form in the body, and prefer them to the query's: a mount that nobody has allowed.
        guard operation != .uploadStart || head.framing == .none || isMonolithic else {
            throw Refusal(.unsupported, "An upload begins without a body, or with the whole blob: ?digest=sha256:…", status: 400)
        }
        try checkAlgorithm()
    }

    private static func digest(_ target: RequestTarget, isNeeded: Bool) throws(Refusal) -> Digest? {
        guard let text = target.parameter("digest") else {
            guard !isNeeded else { throw Refusal(.digestInvalid, "The end of an upload needs the blob's digest: ?digest=sha256:…") }
            return nil
        }
        guard let digest = Digest(text) else { throw Refusal(RegistryError.badDigest) }
        return digest
    }

    /// Any number of digits is a number, and past what an `Int` holds a bound of nothing.
    private static func count(_ target: RequestTarget, _ operation: RegistryOperation) throws(Refusal) -> Int? {
        guard [.catalog, .tags, .referrers].contains(operation), let text = target.parameter("n") else { return nil }
        guard !text.isEmpty, text.allSatisfy({ $0 &- 48 < 10 }) else {
            throw Refusal(.unsupported, "The parameter n must be a number.", status: 400)
        }
        return Int(String(decoding: text, as: UTF8.self)) ?? .max
    }

    private static func mount(_ target: RequestTarget) -> (Digest, Repository)? {
        guard let digest = target.parameter("mount").flatMap({ Digest($0) }), !isForeign(digest),
            let source = target.parameter("from").flatMap({ Repository($0) })
        else { return nil }
        return (digest, source)
    }

    /// ECR names content by sha256 alone: there can be nothing by another name.
    private static func isForeign(_ digest: Digest?) -> Bool { digest?.bytes.starts(with: "sha512:".utf8) ?? false }

    private func checkAlgorithm() throws(Refusal) {
        let sentence = "ECR knows sha256 digests alone; push this with one."
        if Self.isForeign(digest) { throw Refusal(.digestInvalid, sentence) }
        switch endpoint {
        case .blob(_, let digest) where Self.isForeign(digest): throw Refusal(.blobUnknown, sentence)
        case .manifest(_, .digest(let digest)) where Self.isForeign(digest):
            throw operation == .manifestPut ? Refusal(.digestInvalid, sentence) : Refusal(.manifestUnknown, sentence)
        default: break
        }
    }

    /// A blob in one POST (distribution spec, "Single POST").
    var isMonolithic: Bool { operation == .uploadStart && digest != nil && mount == nil }

    /// The query less what is between Berth and its clients.
    var upstreamQuery: [UInt8] { target.query(without: ["ns", UploadState.parameter]) }

    /// Whether somebody may make this call there: one of the operation's actions is enough. A mount is an extra: where its source may not
    /// be pulled, the call goes on without it.
    mutating func isAllowed(to principal: Principal, at place: Place) -> Bool {
        if let source = mount?.source, !principal.may(anyOf: [.pull], on: source, at: place) { mount = nil }
        return operation.actions.isEmpty || principal.may(anyOf: operation.actions, on: endpoint.repository, at: place)
    }
}
