import HTTP
import Registry
import Telemetry
import Testing
import Transport

@testable import Gateway

func record(
    _ operation: RegistryOperation, _ status: Int, user: String? = "ci", upstream: String? = "main",
    repository: String? = "team/app"
) throws -> ExchangeRecord {
    let client = try #require(SocketAddress(host: "192.0.2.1", port: 5))
    let record = ExchangeRecord(
        client, bytes("192.0.2.1"), sentBefore: 0, trace: TraceContext(high: 1, low: 2, span: 0xfeed_0000_0000_0001))
    (record.operation, record.status, record.user, record.upstream) = (operation, status, user, upstream)
    record.repository = repository.flatMap { Repository($0) }
    return record
}

struct ExchangeRecordTests {
    @Test func `the request's id is its span`() throws {
        #expect(try record(.ping, 200).requestID == bytes("feed000000000001"))
    }

    @Test(
        arguments: [
            (.manifestGet, 200, true, false), (.manifestGet, 304, false, false), (.manifestGet, 404, false, false),
            (.manifestHead, 200, false, false), (.blobGet, 200, false, false), (.manifestPut, 201, false, true),
            (.manifestPut, 400, false, false), (.uploadFinish, 201, false, false), (.manifestGet, 0, false, false),
        ] as [(RegistryOperation, Int, Bool, Bool)])
    func `a manifest that is read is a pull, and one that is written a push`(
        operation: RegistryOperation, status: Int, isPull: Bool, isPush: Bool
    ) throws {
        let use = try #require(try record(operation, status).use)
        #expect((use.isPull, use.isPush) == (isPull, isPush))
        #expect(use.isSuccess == (status > 0 && status < 400))
        #expect((use.repository, use.user) == (bytes("team/app"), "ci"))
    }

    @Test(
        arguments: [
            (.manifestGet, 200, 0, 9), (.blobGet, 206, 0, 9), (.blobGet, 404, 0, 0), (.manifestPut, 201, 5, 0),
            (.uploadChunk, 202, 5, 0), (.uploadChunk, 500, 5, 0), (.uploadFinish, 0, 5, 0), (.uploadStart, 201, 5, 0),
            (.tags, 200, 0, 0), (.ping, 200, 0, 0), (.catalog, 200, 0, 0),
        ] as [(RegistryOperation, Int, Int, Int)])
    func `only bytes of blobs and manifests count, and none of an error response`(
        operation: RegistryOperation, status: Int, received: Int, sent: Int
    ) throws {
        let record = try record(operation, status)
        record.countBodies(received: 5, sent: 9)
        let use = try #require(record.use)
        #expect((use.received, use.sent) == (received, sent))
    }

    @Test func `a request without a user does not count`() throws {
        #expect(try record(.manifestGet, 401, user: nil).use == nil)
    }
}
