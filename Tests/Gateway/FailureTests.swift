import Registry
import Telemetry
import Testing

@testable import Gateway

struct FailureTests {
    @Test(
        arguments: [
            (.manifestGet, 200), (.blobHead, 404), (.manifestHead, 404), (.manifestGet, 404), (.blobGet, 416), (.blobGet, 412),
            (.blobGet, 307), (.manifestPut, 201),
        ] as [(RegistryOperation, Int)])
    func `what belongs to every pull and push is no error`(operation: RegistryOperation, status: Int) throws {
        #expect(Failure.error(of: try record(operation, status)) == nil)
    }

    @Test func `a client that asks without a login is no error, and a wrong login is one`() throws {
        let asking = try record(.ping, 401, user: nil, upstream: nil, repository: nil)
        #expect(Failure.error(of: asking) == nil)
        asking.triedUser = bytes("mallory")
        let error = try #require(Failure.error(of: asking))
        #expect((error.isRejection, error.message) == (true, "request rejected"))
        #expect(error.fix?.contains("password") == true)
    }

    @Test func `a client that leaves is no error, and one that stalls is one`() throws {
        let leaving = try record(.blobGet, 200), stalling = try record(.blobGet, 200)
        leaving.end = "client_gone"
        stalling.end = "client_stalled"
        #expect(Failure.error(of: leaving) == nil)
        #expect(Failure.error(of: stalling)?.fix?.contains("timeouts.stall") == true)
    }

    @Test func `what had to wait too long names the bounds`() throws {
        let waiting = try record(.manifestGet, 503)
        waiting.end = "shed"
        let fix = Failure.error(of: waiting)?.fix
        #expect(fix?.contains("upstreams[].limits.concurrent") == true && fix?.contains("requests_per_second") == true)
    }

    @Test func `an error says what failed, where, why and what to do`() throws {
        let record = try record(.blobGet, 502)
        record.end = "upstream_unreachable"
        record.reason = "connect: refused"
        let error = try #require(Failure.error(of: record))
        #expect((error.message, error.isRejection, error.level) == ("request failed", false, "error"))
        #expect((error.requestID, error.client, error.operation) == ("feed000000000001", "192.0.2.1", "blob_get"))
        #expect((error.repository, error.user, error.upstream, error.status) == ("team/app", "ci", "main", 502))
        #expect((error.end, error.reason) == ("upstream_unreachable", "connect: refused"))
        #expect(error.fix?.contains("VPC endpoint") == true)
    }

    @Test(
        arguments: [
            (.uploadStart, 404, "main", "create_repositories"), (.manifestGet, 403, "main", "IAM"),
            (.manifestGet, 429, "main", "quota"),
            (.manifestGet, 403, nil, "the user's access"), (.tags, 404, nil, "route"),
            (.ping, 429, nil, "failed_logins_per_minute"),
            (.manifestGet, 500, "main", nil), (.other, 404, nil, nil),
        ] as [(RegistryOperation, Int, String?, String?)])
    func `the fix depends on who rejected what`(operation: RegistryOperation, status: Int, upstream: String?, fix: String?) throws {
        let error = try #require(Failure.error(of: try record(operation, status, upstream: upstream)))
        #expect(error.isRejection == (upstream == nil))
        if let fix { #expect(error.fix?.contains(fix) == true) } else { #expect(error.fix == nil) }
    }
}
