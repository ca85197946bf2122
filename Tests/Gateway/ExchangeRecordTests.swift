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
    record.upstreamStatus = status
    return record
}

struct ExchangeRecordTests {
    /// How the exchange counts; nil: not at all.
    private static func counted(_ record: ExchangeRecord) -> UsageRow? {
        let usage = Usage(), worker = WorkerUsage(usage)
        var last = LastUsage()
        record.count(in: worker, last: &last)
        return usage.report().rows.first
    }

    @Test func `the request's id is its span`() throws {
        #expect(try record(.ping, 200).requestID == bytes("feed000000000001"))
    }

    @Test func `a record that is used again is as new`() throws {
        let client = try #require(SocketAddress(host: "192.0.2.2", port: 6)), trace = TraceContext(high: 3, low: 4, span: 5)
        func fields(_ record: ExchangeRecord) -> [String] {
            Mirror(reflecting: record).children.filter { $0.label != "start" }.map { "\($0)" }
        }
        let used = try record(.blobGet, 206)
        (used.triedUser, used.reason, used.replays, used.end) = (bytes("x"), "y", 3, "client_gone")
        used.transfer = WorkerTransfers().begin(used.beginning(now: 0, total: 1))
        used.countBodies(received: 5, sent: 9)
        let new = ExchangeRecord(client, bytes("192.0.2.2"), sentBefore: 7, trace: trace)
        #expect(fields(used) != fields(new))
        used.reset(client, bytes("192.0.2.2"), sentBefore: 7, trace: trace)
        #expect(fields(used) == fields(new) && fields(new).count > 15)
    }

    @Test(
        arguments: [
            (.manifestGet, 200, 1, 0), (.manifestGet, 304, 0, 0), (.manifestGet, 404, 0, 0), (.manifestHead, 200, 0, 0),
            (.blobGet, 200, 0, 0), (.manifestPut, 201, 0, 1), (.manifestPut, 400, 0, 0), (.uploadFinish, 201, 0, 0),
            (.manifestGet, 0, 0, 0),
        ] as [(RegistryOperation, Int, Int, Int)])
    func `a manifest that is read is a pull, and one that is written a push`(
        operation: RegistryOperation, status: Int, pulls: Int, pushes: Int
    ) throws {
        let row = try #require(Self.counted(try record(operation, status)))
        #expect((row.figures.requests, row.figures.pulls, row.figures.pushes) == (1, pulls, pushes))
        #expect((row.repository, row.user) == (status > 0 && status < 400 ? "team/app" : nil, "ci"))
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
        let figures = try #require(Self.counted(record)).figures
        #expect((figures.receivedFromClient, figures.sentToClient) == (received, sent))
    }

    @Test func `a name that the registry has not confirmed takes no row`() throws {
        let cancelled = try record(.uploadCancel, 204), listed = try record(.referrers, 200)
        (cancelled.upstreamStatus, listed.upstreamStatus) = (0, 404)
        #expect(try #require(Self.counted(cancelled)).repository == nil)
        #expect(try #require(Self.counted(listed)).repository == nil)
    }

    @Test func `a request without a user does not count`() throws {
        #expect(Self.counted(try record(.manifestGet, 401, user: nil)) == nil)
    }
}
