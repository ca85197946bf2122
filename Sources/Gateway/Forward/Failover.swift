import Registry

/// A read's way through the registries of an upstream that has fallbacks. A class, so that a request to an upstream without any carries one pointer.
final class Failover {
    /// The upstream's own, and its fallbacks.
    private let registries: [Upstream]
    private var order: RegistryOrder
    private let isOfBlob: Bool
    private let start: ContinuousClock.Instant
    /// The request is the one that tries a registry that has failed: its result decides.
    private var isAttempt = false

    private init(_ other: Failover) {
        (registries, order, isOfBlob, start) = (other.registries, other.order, other.isOfBlob, other.start)
    }

    /// Whether the request was to try a registry that has failed, which the caller does now in its place.
    func takeAttempt() -> Bool {
        defer { isAttempt = false }
        return isAttempt
    }

    /// For another request that begins where this one has come.
    func copy() -> Failover { Failover(self) }

    /// nil: the request goes to the upstream's own registry, whatever happens: there is no other, or another one may not respond.
    /// - Parameters:
    ///   - client: of the upstream's own registry.
    ///   - mayPush: whether the request's user may push to its repository.
    init?(_ client: RegistryClient, for operation: RegistryOperation, mayPush: @autoclosure () -> Bool) {
        guard !client.upstream.fallbacks.isEmpty, Self.moves(operation, mayPush: mayPush()) else { return nil }
        (registries, start) = (client.upstream.registries, client.start)
        isOfBlob = operation == .blobGet
        var isAttempt = false
        order = RegistryOrder(count: registries.count) { [registries, isOfBlob] in
            Self.mayTry(registries[$0], isOfBlob: isOfBlob, client.worker.hasToken, &isAttempt)
        }
        self.isAttempt = isAttempt
    }

    /// Whether another registry may respond to an operation. HEAD of a blob is how clients find out which layers they need not push, and hardly ever part of
    /// a pull. Replication copies images and deletes nothing: with a replica's 200 a client would not push a layer that the registry itself has no
    /// more, and the manifest after it would be rejected.
    static func moves(_ operation: RegistryOperation, mayPush: @autoclosure () -> Bool) -> Bool {
        switch operation {
        case .catalog, .tags, .manifestGet, .manifestHead, .blobGet, .referrers: true
        case .blobHead: !mayPush()
        case .ping, .manifestPut, .manifestDelete, .blobDelete, .uploadStart, .uploadChunk, .uploadFinish, .uploadStatus,
            .uploadCancel, .other:
            false
        }
    }

    /// The one to ask now.
    var registry: Upstream { registries[order.current] }
    /// The upstream's own.
    var upstream: Upstream { registries[0] }
    /// Not the upstream's own registry.
    var isAtFallback: Bool { order.isAtFallback }
    /// What is left to be asked after this one. None, where the upstream's own registry is asked and no other is in use: a slow response of its is worth
    /// more than what those would say.
    private func alternative(_ hasToken: (Upstream) -> Bool) -> RegistryOrder.Alternative {
        let alternative = order.alternative { Self.isUsed(registries[$0], isOfBlob: isOfBlob, hasToken) }
        return alternative == .lastResort && !order.isAtFallback ? .none : alternative
    }

    /// The client of the registry that is asked now.
    func client(_ client: RegistryClient) -> RegistryClient {
        client.record.registry = order.isAtFallback ? registry.host : nil
        let alternative = alternative(client.worker.hasToken)
        return RegistryClient(
            upstream: registry, worker: client.worker, timeouts: client.timeouts, record: client.record,
            requester: client.requester, alternative: alternative, time: RetryPolicy.time(at: .now, since: start, alternative))
    }

    /// Whether an error of the registry's own says that the read is to go on elsewhere.
    func isMoved(by status: Int) -> Bool { outcome(of: status) != nil }

    /// Goes on to the next registry.
    /// - Parameter isOvertaken: the request was not sent to this one.
    /// - Returns: false: the error is the end, or there is no other registry.
    /// - Throws: the response, where only the upstream's own registry could have given one.
    func advance(after error: any Error, isOvertaken: Bool, hasToken: (Upstream) -> Bool) throws(ErrorResponse) -> Bool {
        guard let outcome = isOvertaken ? .overtaken : outcome(of: error) else { return false }
        let (registries, isOfBlob) = (registries, isOfBlob)
        var isAttempt = false
        defer { self.isAttempt = isAttempt }
        if order.advance(after: outcome, mayTry: { Self.mayTry(registries[$0], isOfBlob: isOfBlob, hasToken, &isAttempt) }) {
            return true
        }
        guard order.isMissing else { return false }
        throw ErrorResponse(
            .unavailable, "A replica of the registry does not have this, and the registry itself cannot be asked now; try again.",
            retryAfter: 5)
    }

    /// An error for the operator.
    static func text(of error: any Error) -> String {
        switch error {
        case let failure as ConnectionFailure: "\(failure.cause)"
        case let response as ErrorResponse: "\(response.error.message)"
        default: "\(error)"
        }
    }

    private func outcome(of error: any Error) -> RegistryOrder.Outcome? {
        switch error {
        case let failure as ConnectionFailure: failure.side == .upstream ? .failed : nil
        // Full lines are Berth's own, and say nothing of the registry.
        case let response as ErrorResponse: response.isShed ? nil : outcome(of: response.error.status)
        default: nil
        }
    }

    private func outcome(of status: Int) -> RegistryOrder.Outcome? {
        RegistryOrder.Outcome(status: status, isAtFallback: order.isAtFallback)
    }

    private static func isUsed(_ registry: Upstream, isOfBlob: Bool, _ hasToken: (Upstream) -> Bool) -> Bool {
        registry.circuit.isClosed && (!isOfBlob || registry.storageCircuit.isClosed)
            && (hasToken(registry) || !registry.isTokenFailing)
    }

    /// - Parameter isAttempt: set to whether the registry has failed, and this is to try it.
    private static func mayTry(
        _ registry: Upstream, isOfBlob: Bool, _ hasToken: (Upstream) -> Bool, _ isAttempt: inout Bool
    ) -> Bool {
        // The first token is waited for; one that could not be fetched is not.
        guard hasToken(registry) || !registry.isTokenFailing else { return false }
        // The storage's attempt is taken by the request that asks it (`BlobStorage.checkMayBeAsked`): the registry may send none there.
        guard !isOfBlob || registry.storageCircuit.wouldLetTry(), registry.circuit.mayTry() else { return false }
        isAttempt = !registry.circuit.isClosed
        return true
    }
}
