import HTTP
import Registry
import Telemetry

/// A failed exchange as the list of recent errors has it, with what the operator can do about it. Only what the access line shows too.
enum Failure {
    /// nil: the exchange did not fail, or in a way that is a part of the protocol.
    static func error(of record: ExchangeRecord) -> RecentError? {
        guard record.status >= 400 || !record.isComplete, !isExpected(record) else { return nil }
        var error = RecentError(record.isRejection ? "request rejected" : "request failed")
        error.isRejection = record.isRejection
        error.requestID = String(decoding: record.requestID, as: UTF8.self)
        error.client = String(decoding: record.clientText, as: UTF8.self)
        error.operation = "\(record.operation.label)"
        error.repository = record.repository?.description
        // The name of a failed login, as the access line cuts it.
        error.user =
            record.user
            ?? record.triedUser.map { String(decoding: $0.prefix(AccessLog.maxTriedUserBytes), as: UTF8.self) }
        error.upstream = record.upstream
        error.status = record.status > 0 ? record.status : nil
        error.end = "\(record.end)"
        error.reason = record.reason
        error.fix = fix(of: record)
        return error
    }

    /// - Parameter end: why the connection ends.
    static func error(of response: RegistryError, end: StaticString, requestID: [UInt8], client: String) -> RecentError {
        var error = RecentError("connection rejected")
        error.isRejection = true
        error.requestID = String(decoding: requestID, as: UTF8.self)
        error.client = client
        error.status = response.status
        error.end = "\(end)"
        error.reason = response.message
        error.fix = fix(ofEnd: "\(end)")
        return error
    }

    static func error(ofHandshake failure: any Error, client: String) -> RecentError {
        var error = RecentError("handshake failed")
        error.isRejection = true
        error.client = client
        error.reason = "\(failure)"
        return error
    }

    /// What happens in the course of every pull and push, and clients that leave.
    private static func isExpected(_ record: ExchangeRecord) -> Bool {
        if "\(record.end)" == "client_gone", record.status < 400 { return true }
        switch record.status {
        // Clients ask without a login first, or with a token that has expired.
        case 401: return record.isRejection && record.triedUser == nil
        // They ask whether a layer or a tag is there before they send it.
        case 404: return !record.isRejection && !isPush(record.operation)
        // They ask for a range or on a condition.
        case 412, 416: return !record.isRejection
        default: return false
        }
    }

    private static func isPush(_ operation: RegistryOperation) -> Bool { operation.actions == [.push] }

    private static func fix(of record: ExchangeRecord) -> String? {
        if let fix = fix(ofEnd: "\(record.end)") { return fix }
        switch (record.status, isRejection: record.isRejection) {
        case (401, true):
            return "Correct the user's name or password at the client; `berth hash-password` makes the hash for another one."
        case (403, true): return "If the user should be allowed to, add the repository and the action to the user's access."
        case (404, true) where record.operation != .other:
            return "Add a route for the repository's prefix, or correct the name at the client."
        case (429, true): return "Correct the login at the client, or raise limits.failed_logins_per_minute."
        case (401, false), (403, false):
            return "Allow the action that the reason names to Berth's AWS identity, in IAM and in the repository's policy."
        case (404, false) where record.operation == .uploadStart || record.operation == .manifestPut:
            return "Create the repository in ECR, or add its name to the upstream's create_repositories."
        case (429, false): return "Have fewer clients pull at the same time, or ask AWS for a higher quota of the ECR API."
        default: return nil
        }
    }

    private static func fix(ofEnd end: String) -> String? {
        switch end {
        case "upstream_unreachable":
            "Check DNS, the route, firewalls, HTTPS_PROXY and the VPC endpoint of the registry (ecr.dkr); `berth check` tests them."
        case "storage_unreachable":
            "Layers come from S3 or a CDN: check DNS, the route, firewalls, HTTPS_PROXY and the VPC's gateway endpoint for S3."
        case "upstream_stalled": "Check the network to AWS. timeouts.response and timeouts.stall say how long Berth waits."
        case "client_stalled": "Check the network to the client. timeouts.stall says how long Berth waits for a byte."
        case "shed":
            "Raise upstreams[].limits.concurrent, or requests_per_second where it is set, if the registry can take more; for more pushes a second, ask AWS for a higher quota. If the reason says that the gateway is busy, add replicas or cores."
        case "drained": "Raise timeouts.drain above the time that the longest transfer takes."
        case "turned_away": "Raise limits.connections or limits.connections_per_client, or find out which client opens so many."
        default: nil
        }
    }
}
