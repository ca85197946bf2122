import FoundationEssentials
import Synchronization
import Transport

/// One address of AWS that takes POSTs: signed, and retried where that is safe (ECR 4.7).
struct SignedService: Sendable {
    let caller: HTTPClient
    let endpoint: ServiceEndpoint
    /// `ecr`, `sts`: for the signature and for IAM's name of an operation.
    let name: String
    var retry = RetryPolicy()
    var now: @Sendable () -> Date = { Date() }
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    let clock = ClockOffset()
    let budget = RetryBudget()

    typealias Fields = [(name: String, value: String)]

    /// The body of a 200.
    /// - Parameters:
    ///   - operation: as the service's model names it.
    ///   - identity: who signs; nil: nobody (what is sent is the credential itself).
    func call(_ operation: String, fields: Fields, body: [UInt8], as identity: CredentialKeeper?) async throws(AWSError) -> [UInt8]
    {
        var attempt = 1, isClockSet = false, areCredentialsFresh = false
        var lastCost: Int?
        while true {
            var request = HTTPClientRequest("\(name):\(operation)", method: "POST", url: endpoint.url, fields: fields, body: body)
            request.dial = endpoint.dial
            var used: Credentials?
            if let identity {
                do throws(CredentialError) {
                    let credentials = try await identity.credentials()
                    request.fields = signed(fields, body, with: credentials)
                    used = credentials
                } catch {
                    throw AWSError(operation: "\(name):\(operation)", host: endpoint.url.hostField, cause: .credentials(error))
                }
            }
            let failed: AWSError
            do throws(HTTPClientError) {
                let answer = try await caller.call(request)
                guard answer.status != 200 else {
                    budget.giveBack(lastCost)
                    return answer.body
                }
                failed = error(operation, answer, used)
            } catch {
                failed = AWSError(operation: "\(name):\(operation)", host: endpoint.url.hostField, cause: .unreachable(error))
            }
            // Neither waits: the next attempt differs from this one.
            if failed.mayBeTheClock, !isClockSet, clock.adopt(failed.clockOffset) {
                isClockSet = true
                continue
            }
            if failed.refusesCredentials, !areCredentialsFresh, let identity, let used {
                areCredentialsFresh = true
                await identity.discard(used)
                continue
            }
            let cost = failed.isTimeout ? RetryBudget.timeoutCost : RetryBudget.failureCost
            guard failed.isTransient, let delay = retry.delay(after: attempt, random: .random(in: 0..<1)), budget.take(cost) else {
                throw failed
            }
            lastCost = cost
            attempt += 1
            do { try await sleep(delay) } catch { throw failed }
        }
    }

    private func signed(_ fields: Fields, _ body: [UInt8], with credentials: Credentials) -> Fields {
        let request = RequestToSign(
            method: "POST", path: endpoint.url.path, fields: fields + [("Host", endpoint.url.hostField)], body: body)
        let time = now().addingTimeInterval(TimeInterval(clock.seconds))
        return fields + SigV4(region: endpoint.region, service: name).fields(signing: request, with: credentials, at: time)
    }

    private func error(_ operation: String, _ answer: HTTPClientResponse, _ used: Credentials?) -> AWSError {
        let problem = ServiceProblem(answer)
        var error = AWSError(
            operation: "\(name):\(operation)", host: endpoint.url.hostField,
            cause: .refused(code: problem.code, message: problem.message, status: answer.status))
        error.requestID = answer["x-amzn-requestid"].map(AWSError.printable)
        error.signedWith = used.map { "\($0.accessKeyID) from \($0.source)" }
        error.clockOffset = answer.date.map { $0 - Int(now().timeIntervalSince1970) }
        return error
    }
}

/// How far this machine's clock is off for one address: signatures are made in AWS's time once it is known (ECR 4.7).
final class ClockOffset: Sendable {
    /// Seconds. ECR takes signatures within 15 minutes (ECR 3): what is less off is not why one was refused.
    static let tolerated = 240
    private let offset = Atomic(0)

    var seconds: Int { offset.load(ordering: .relaxed) }

    /// True when signing again in the new time may help.
    func adopt(_ measured: Int?) -> Bool {
        guard let measured, abs(measured - seconds) > Self.tolerated else { return false }
        offset.store(measured, ordering: .relaxed)
        return true
    }
}
