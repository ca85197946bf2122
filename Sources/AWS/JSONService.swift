import FoundationEssentials
import Synchronization
import Transport

/// A service that speaks AWS's JSON 1.1: signed POSTs to one address, retried where that is safe (wire 2.1, 3, 4.7).
struct JSONService: Sendable {
    let caller: HTTPCaller
    let endpoint: ServiceEndpoint
    let credentials: CredentialKeeper
    /// `ecr`: for the signature and for IAM's name of an operation.
    let name: String
    /// `AmazonEC2ContainerRegistry_V20150921`
    let target: String
    var retry = RetryPolicy()
    var now: @Sendable () -> Date = { Date() }
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    let clock = ClockOffset()

    /// The body of a 200.
    func call(_ operation: String, _ input: some Encodable & Sendable) async throws(AWSError) -> [UInt8] {
        var failed = AWSError(operation: "\(name):\(operation)", host: endpoint.url.hostField, cause: .malformed("unsent"))
        guard let body = try? JSONEncoder().encode(input) else {
            failed.cause = .malformed("the request cannot be written")
            throw failed
        }
        var attempt = 1, isClockSet = false, areCredentialsFresh = false
        while true {
            var request = CallRequest("\(name):\(operation)", method: "POST", url: endpoint.url, body: Array(body))
            request.dial = endpoint.dial
            let used: Credentials
            do throws(CredentialError) {
                used = try await credentials.credentials()
            } catch {
                failed.cause = .credentials(error)
                throw failed
            }
            request.fields = fields(of: operation, body: Array(body), with: used)
            do throws(CallError) {
                let answer = try await caller.call(request)
                guard answer.status != 200 else { return answer.body }
                failed = error(operation, answer, used)
            } catch {
                failed = AWSError(operation: "\(name):\(operation)", host: endpoint.url.hostField, cause: .unreachable(error))
            }
            // Neither waits: the next attempt differs from this one.
            if failed.mayBeTheClock, !isClockSet, clock.adopt(failed.clockOffset) {
                isClockSet = true
                continue
            }
            if failed.refusesCredentials, !areCredentialsFresh {
                areCredentialsFresh = true
                await credentials.discard(used)
                continue
            }
            guard failed.isTransient, let delay = retry.delay(after: attempt, random: .random(in: 0..<1)) else { throw failed }
            attempt += 1
            do { try await sleep(delay) } catch { throw failed }
        }
    }

    private func fields(of operation: String, body: [UInt8], with credentials: Credentials) -> [(name: String, value: String)] {
        let fields = [
            (name: "Content-Type", value: "application/x-amz-json-1.1"), (name: "X-Amz-Target", value: "\(target).\(operation)"),
        ]
        let signer = SigV4(region: endpoint.region, service: name)
        let request = RequestToSign(
            method: "POST", path: endpoint.url.path, fields: fields + [("Host", endpoint.url.hostField)], body: body)
        let time = now().addingTimeInterval(TimeInterval(clock.seconds))
        return fields + signer.fields(signing: request, with: credentials, at: time)
    }

    private func error(_ operation: String, _ answer: CallResponse, _ used: Credentials) -> AWSError {
        let problem = ServiceProblem(answer)
        var error = AWSError(
            operation: "\(name):\(operation)", host: endpoint.url.hostField,
            cause: .refused(code: problem.code, message: problem.message, status: answer.status))
        error.requestID = answer["x-amzn-requestid"].map(AWSError.printable)
        error.signedWith = "\(used.accessKeyID) from \(used.source)"
        error.clockOffset = answer.date.map { $0 - Int(now().timeIntervalSince1970) }
        return error
    }
}

/// How far this machine's clock is off for one address: signatures are made in AWS's time once it is known (wire 4.7).
final class ClockOffset: Sendable {
    /// Seconds. ECR takes signatures within 15 minutes (wire 3): what is less off is not why one was refused.
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
