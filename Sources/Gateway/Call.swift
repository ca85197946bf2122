import HTTP
import Registry

/// A request as the registry API reads it: parsed once, and passed on as this.
struct Call {
    let target: RequestTarget
    let endpoint: Endpoint
    let operation: Operation
    /// The repository that a mount takes its blob from.
    let mountSource: Repository?
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
        namespace = target.parameter("ns")
        guard operation == .uploadStart, target.parameter("mount") != nil, let from = target.parameter("from") else {
            mountSource = nil
            return
        }
        guard let source = Repository(from) else { throw Refusal(RegistryError.badMountSource) }
        mountSource = source
    }

    /// What the principal must be allowed: on each repository, one of the actions. No repository: the catalog.
    func isAllowed(to may: (_ actions: [Action], _ repository: Repository?) -> Bool) -> Bool {
        let actions = operation.actions
        guard actions.isEmpty || may(actions, endpoint.repository) else { return false }
        guard let mountSource else { return true }
        return may([.pull], mountSource)
    }
}
