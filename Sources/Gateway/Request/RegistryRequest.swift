import Access
import HTTP
import Registry

/// A request as the registry API reads it: parsed once, and passed on as this. A class, since every step of an exchange gets it, and a copy of
/// what it holds costs a dozen counts of references.
final class RegistryRequest: Sendable {
    let target: RequestTarget
    let endpoint: Endpoint
    let operation: RegistryOperation
    /// Where the client addressed the gateway: routes and rules depend on it.
    let place: Place
    /// The blob's digest, of the end of an upload or of a single POST.
    let digest: Digest?
    /// The blob to mount and the repository that has it; nil: none is asked for, or it cannot be mounted, and a session opens instead.
    let mount: (digest: Digest, source: Repository)?
    /// How far the upload session has come, as its `Location` told the client; nil: no session, or the client has lost it.
    let upload: UploadState?
    /// `n`: how many names a list may have; nil: no bound.
    let count: Int?
    /// containerd's name for the registry it means (ECR 6). It is Berth's own parameter and not forwarded.
    let namespace: [UInt8]?

    /// Parameters that only Berth and its clients know. The upstream does not get them.
    static let ownParameters: [StaticString] = ["ns", UploadState.parameter]

    /// - Parameter host: as `Downstream.host`.
    /// - Throws: `ErrorResponse`, with the specification's status and code. A path that is no endpoint is never forwarded.
    init(_ head: Head, host: ArraySlice<UInt8>?) throws(ErrorResponse) {
        let target: RequestTarget, endpoint: Endpoint
        do { target = try RequestTarget(head.target, serverParameter: UploadState.parameter) } catch {
            throw ErrorResponse(.nameInvalid, error.description)
        }
        do { endpoint = try Endpoint(path: target.path) } catch { throw ErrorResponse(error) }
        let operation = try Self.operation(head, endpoint)
        (self.target, self.endpoint, self.operation) = (target, endpoint, operation)
        count = try Self.count(target, operation)
        namespace = target.parameter("ns")
        place = Place(host: host, namespace: namespace)
        if case .upload = endpoint { upload = UploadState(target.parameter(UploadState.parameter)) } else { upload = nil }
        let isUpload = operation == .uploadStart || operation == .uploadFinish
        digest = try isUpload ? Self.digest(target, isRequired: operation == .uploadFinish) : nil
        mount = operation == .uploadStart ? Self.mount(target) : nil
        // A registry could read parameters from a form in the body and prefer them to the query's: a mount that no rule has allowed.
        guard operation != .uploadStart || head.framing == .none || isMonolithic else {
            throw ErrorResponse(
                .unsupported, "An upload begins without a body, or with the whole blob: ?digest=sha256:…", status: 400)
        }
        try checkAlgorithm()
    }

    /// Without its mount.
    private init(withoutMount other: RegistryRequest) {
        (target, endpoint, operation, place) = (other.target, other.endpoint, other.operation, other.place)
        (digest, mount, upload, count, namespace) = (other.digest, nil, other.upload, other.count, other.namespace)
    }

    private static func operation(_ head: Head, _ endpoint: Endpoint) throws(ErrorResponse) -> RegistryOperation {
        guard let operation = RegistryOperation(endpoint, head.method) else {
            let allowed = RegistryOperation.all(of: endpoint).map { "\($0.method)" }.joined(separator: ", ")
            throw ErrorResponse(.unsupported, "The methods here are \(allowed).", allow: allowed)
        }
        // RFC 9110 9.3.1: content in these has no meaning, and two readers of one connection could disagree about it.
        switch (head.framing, head.method) {
        case (.none, _), (_, .post), (_, .put), (_, .patch): return operation
        default: throw ErrorResponse(.unsupported, "A request with this method has no body here.", status: 400)
        }
    }

    private static func digest(_ target: RequestTarget, isRequired: Bool) throws(ErrorResponse) -> Digest? {
        guard let text = target.parameter("digest") else {
            guard !isRequired else {
                throw ErrorResponse(.digestInvalid, "The end of an upload needs the blob's digest: ?digest=sha256:…")
            }
            return nil
        }
        guard let digest = Digest(text) else { throw ErrorResponse(RegistryError.badDigest) }
        return digest
    }

    /// A number that no `Int` holds is as good as no bound.
    private static func count(_ target: RequestTarget, _ operation: RegistryOperation) throws(ErrorResponse) -> Int? {
        // Here and above a `switch`: `==` on an enumeration of another module with raw values compares these by their witnesses.
        switch operation {
        case .catalog, .tags, .referrers: break
        default: return nil
        }
        guard let text = target.parameter("n") else { return nil }
        guard !text.isEmpty, text.allSatisfy({ $0 &- 48 < 10 }) else {
            throw ErrorResponse(.unsupported, "The parameter n must be a number.", status: 400)
        }
        return Int(String(decoding: text, as: UTF8.self)) ?? .max
    }

    private static func mount(_ target: RequestTarget) -> (Digest, Repository)? {
        guard let digest = target.parameter("mount").flatMap({ Digest($0) }), !digest.isSHA512,
            let source = target.parameter("from").flatMap({ Repository($0) })
        else { return nil }
        return (digest, source)
    }

    /// ECR names content by sha256 only (ECR 1.3).
    private func checkAlgorithm() throws(ErrorResponse) {
        let sentence = "ECR knows sha256 digests alone; push this with one."
        if digest?.isSHA512 == true { throw ErrorResponse(.digestInvalid, sentence) }
        switch endpoint {
        case .blob(_, let digest) where digest.isSHA512: throw ErrorResponse(.blobUnknown, sentence)
        case .manifest(_, .digest(let digest)) where digest.isSHA512:
            throw ErrorResponse(operation == .manifestPut ? .digestInvalid : .manifestUnknown, sentence)
        default: break
        }
    }

    /// A whole blob in one POST (distribution spec, "Single POST").
    var isMonolithic: Bool { operation == .uploadStart && digest != nil && mount == nil }

    /// The query as it was sent, without Berth's own parameters.
    var upstreamQuery: [UInt8] { target.query(without: Self.ownParameters) }

    /// Without the mount, if the principal may not pull its source: the request then opens a session, and the upstream does not learn the
    /// source's name.
    func withMountAllowed(to principal: Principal) -> RegistryRequest {
        guard let source = mount?.source, !principal.may(anyOf: [.pull], on: source, at: place) else { return self }
        return RegistryRequest(withoutMount: self)
    }
}

extension Principal {
    /// Whether the rules allow a request: one of its operation's actions is enough.
    func may(_ request: RegistryRequest) -> Bool {
        let actions = request.operation.actions
        return actions.isEmpty || may(anyOf: actions, on: request.endpoint.repository, at: request.place)
    }

    /// Whether this principal may push to the repository of a request.
    func mayPush(to request: RegistryRequest) -> Bool {
        may(anyOf: .push, on: request.endpoint.repository, at: request.place)
    }
}
