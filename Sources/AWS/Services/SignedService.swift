import FoundationEssentials
import Synchronization
import Transport

/// An AWS endpoint that takes POSTs. Signs them, and retries where that is safe (ECR 4.7).
struct SignedService: Sendable {
    let httpClient: HTTPClient
    let endpoint: ServiceEndpoint
    /// `ecr`, `sts`: the service's name in signatures and in IAM's actions.
    let name: String
    var backoff = Backoff()
    /// Called for each response that limits the rate of calls.
    var throttled: @Sendable () -> Void = {}
    var now: @Sendable () -> Date = { Date() }
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    let clock = ClockOffset()
    let quota = RetryQuota()
    let pace = Pace()

    typealias Fields = [(name: String, value: String)]

    /// Makes a call and returns the body of the 200.
    /// - Parameters:
    ///   - operation: as the service's model names it.
    ///   - identity: signs the call; nil for an unsigned call, whose body is the credential itself.
    func call(_ operation: String, fields: Fields, body: [UInt8], as identity: CredentialKeeper?) async throws(AWSError) -> [UInt8]
    {
        var attempt = 1, isClockSet = false, areCredentialsFresh = false, mayHaveBeenDone = false
        var lastCost: Int?
        while true {
            await pace.turn(of: operation, sleep: sleep)
            var request = HTTPClientRequest("\(name):\(operation)", method: "POST", url: endpoint.url, fields: fields, body: body)
            request.dial = endpoint.dial
            var used: Credentials?
            if let identity {
                do throws(CredentialError) {
                    let credentials = try await identity.credentials()
                    request.fields = signed(fields, body, with: credentials)
                    used = credentials
                } catch {
                    var failed = AWSError(
                        operation: "\(name):\(operation)", host: endpoint.url.hostField, cause: .credentials(error))
                    failed.mayHaveBeenDone = mayHaveBeenDone
                    throw failed
                }
            }
            var failed: AWSError
            do throws(HTTPClientError) {
                let response = try await httpClient.call(request)
                guard response.status != 200 else {
                    quota.giveBack(lastCost)
                    return response.body
                }
                failed = error(operation, response, used)
            } catch {
                failed = AWSError(operation: "\(name):\(operation)", host: endpoint.url.hostField, cause: .unreachable(error))
            }
            mayHaveBeenDone = mayHaveBeenDone || failed.mayHaveBeenDone
            failed.mayHaveBeenDone = mayHaveBeenDone
            if failed.isThrottling {
                throttled()
                pace.limited(operation)
            }
            // These two retries do not wait, as the next attempt differs from this one.
            if failed.mayBeClockSkew, !isClockSet, clock.adopt(failed.clockOffset) {
                isClockSet = true
                continue
            }
            if failed.rejectsCredentials, !areCredentialsFresh, let identity, let used {
                areCredentialsFresh = true
                await identity.discard(used)
                continue
            }
            let cost = failed.isTimeout ? RetryQuota.timeoutCost : RetryQuota.failureCost
            guard failed.isTransient, let delay = backoff.delay(after: attempt, random: .random(in: 0..<1)), quota.take(cost)
            else {
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

    private func error(_ operation: String, _ response: HTTPClientResponse, _ used: Credentials?) -> AWSError {
        let problem = ServiceProblem(response)
        var error = AWSError(
            operation: "\(name):\(operation)", host: endpoint.url.hostField,
            cause: .errorResponse(code: problem.code, message: problem.message, status: response.status))
        error.requestID = response["x-amzn-requestid"].map(AWSError.printable)
        error.signedWith = used.map { "\($0.accessKeyID) from \($0.source)" }
        error.clockOffset = response.date.map { $0 - Int(now().timeIntervalSince1970) }
        return error
    }
}
