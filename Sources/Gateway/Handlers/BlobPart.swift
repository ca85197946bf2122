import AWS
import Configuration
import HTTP
import Registry
import Transport

/// Asks a registry, and then its storage, for a part of a blob, for a task of Berth's own. Sends the requests again as the policy says.
struct BlobPart {
    let registry: RegistryClient
    let storage: BlobStorage
    /// Path and query at the upstream.
    let target: [UInt8]
    /// Offsets in the blob.
    let range: Range<Int>

    /// The response of whoever has the bytes, whatever it says.
    /// - Throws: as `RegistryClient.send`.
    func open(_ policy: inout RetryPolicy) async throws -> Lease {
        while true {
            let response = try await ask(&policy)
            guard BlobStorage.isRedirect(response.status), let field = response.head.value(of: .location) else {
                return response.lease
            }
            let location = try BlobLocation(
                field, of: registry.upstream, connectTo: storage.connectTo, record: registry.record)
            await response.release(by: registry)
            try storage.checkMayBeAsked()
            let lease = try await storage.open(location, requestHead, from: policy.start)
            guard BlobStorage.isURLRejected(lease.connection.head.status) else { return lease }
            guard registry.retries.next(&policy, after: .urlExpired) != .fail else {
                throw ErrorResponse.badGateway("The blob's storage rejects every URL.")
            }
        }
    }

    /// Without a client's fields: no condition of its, and no coding.
    private var requestHead: RequestHead { RequestHead(Head(), target: target[...], range: range) }

    private enum Outcome: ~Copyable {
        case response(UpstreamResponse)
        case tokenRejected(generation: Int, TokenRejection.Reason)
        case again(after: Duration)
        case failed(AttemptFault, ConnectionFailure)
    }

    private func ask(_ policy: inout RetryPolicy) async throws -> UpstreamResponse {
        while true {
            switch try await attempt(&policy) {
            case .response(let response):
                guard let fault = response.fault, let pause = try registry.retries.pause(&policy, after: fault) else {
                    return response
                }
                await response.release(by: registry)
                try await registry.retries.pause(for: pause)
            case .tokenRejected(let generation, let reason):
                registry.worker.tokenRejected(by: registry.upstream)
                let event = RetryPolicy.Event.tokenRejected(generation: generation, reason, canReplay: true)
                guard registry.retries.next(&policy, after: event) != .fail else { throw TokenRejection.keepsRejecting }
            case .again(let pause): try await registry.retries.pause(for: pause)
            case .failed(let fault, let failure):
                guard try await registry.retries.repeats(&policy, after: fault) else { throw failure }
            }
        }
    }

    private func attempt(_ policy: inout RetryPolicy) async throws -> Outcome {
        let token = try await registry.token(&policy)
        let turn = try await registry.turns.next(Lane(.getDownloadURLForLayer, isLarge: true), &policy)
        var lease: Lease
        do { lease = try await registry.connect(policy) } catch let failure as ConnectionFailure {
            guard failure.side == .upstream else { throw failure }
            return .failed(.unreachable(isPermanent: failure.isPermanent), failure)
        }
        lease.hold(turn)
        let connection = lease.connection, output = registry.output
        do {
            requestHead.writeRegistryHead(
                into: output, to: registry.upstream.origin, token: token.fieldValue, trace: registry.record.trace, length: 0)
            if let rest = try connection.begin(output) { try await connection.write(rest, timeout: registry.timeouts.stall) }
            connection.finishRequest()
            if let pause = try await registry.retries.awaitHead(of: connection, toHead: false, &policy) {
                return .again(after: pause)
            }
            registry.countResponse(connection)
            let check = TokenCheck(registry: registry, token: token)
            let judgement = TokenCheck.judgement(of: connection.head, method: .get)
            let (rejection, body) = try await check.rejection(judgement, by: connection)
            guard let rejection else {
                registry.tokenAccepted(token)
                return .response(UpstreamResponse(lease: lease, body: body))
            }
            if body == nil { await registry.discardBody(of: connection) }
            return .tokenRejected(generation: token.generation, rejection)
        } catch let failure as ConnectionFailure {
            guard failure.side == .upstream else { throw failure }
            return .failed(connection.fault(failure), failure)
        }
    }
}
