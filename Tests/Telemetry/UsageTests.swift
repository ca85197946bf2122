import Foundation
import Testing

@testable import Telemetry

struct UsageTests {
    private static func count(
        _ worker: WorkerUsage, _ repository: String, _ user: String = "ci", isSuccess: Bool = true, pull: Bool = false,
        push: Bool = false, received: Int = 0, sent: Int = 0
    ) {
        var last = LastUsage()
        worker.count(
            repository: Array(repository.utf8), user: user, isSuccess: isSuccess, isPull: pull, isPush: push, received: received,
            sent: sent, last: &last)
    }

    private static func row(_ report: UsageReport, _ repository: String?, _ user: String = "ci") -> UsageFigures? {
        report.rows.first { $0.repository == repository && $0.user == user }?.figures
    }

    @Test func `what the workers count is added up by repository and user`() throws {
        let usage = Usage()
        let (one, two) = (WorkerUsage(usage), WorkerUsage(usage))
        let before = Date().timeIntervalSince1970
        Self.count(one, "team/app", pull: true, sent: 500)
        Self.count(two, "team/app", pull: true, sent: 7)
        Self.count(two, "team/app", push: true, received: 100)
        Self.count(one, "team/app", "dev", sent: 1)
        Self.count(one, "base/os", pull: true)
        Self.count(two, "", "dev")
        let report = usage.report()
        #expect(
            report.rows.map { [$0.repository, $0.user] } == [
                ["team/app", "ci"], ["team/app", "dev"], ["base/os", "ci"], [nil, "dev"],
            ])
        let figures = try #require(Self.row(report, "team/app"))
        #expect((figures.requests, figures.pulls, figures.pushes) == (3, 2, 1))
        #expect((figures.sentToClient, figures.receivedFromClient) == (507, 100))
        let last = try #require(figures.lastUsed)
        #expect(last >= before - 2 && last <= Date().timeIntervalSince1970 + 1)
        #expect(report.since >= before - 60 && report.since <= last + 2)
        #expect(report.byRepository().map(\.name) == ["team/app", "base/os"])
        #expect(report.byRepository().map(\.figures.requests) == [4, 1])
        #expect(report.byUser().map(\.name) == ["ci", "dev"])
        #expect(report.byUser().map(\.figures.requests) == [4, 2])
        #expect(report.rest == UsageFigures())
    }

    @Test func `a connection's requests count each where they belong, whatever its request before was`() {
        var requests: [(repository: String, user: String, isSuccess: Bool, received: Int)] = []
        for _ in 0..<3_000 {
            let repository = ["", "a", "b", "c", "d", "e"].randomElement() ?? "", user = ["ci", "dev"].randomElement() ?? ""
            requests += Array(
                repeating: (repository, user, Int.random(in: 0...3) > 0, Int.random(in: 0...1)), count: .random(in: 1...2))
        }
        let (one, two) = (Usage(maxRows: 7), Usage(maxRows: 7))
        let (remembering, forgetting) = (WorkerUsage(one), WorkerUsage(two))
        var last = LastUsage()
        for request in requests {
            remembering.count(
                repository: Array(request.repository.utf8), user: request.user, isSuccess: request.isSuccess,
                received: request.received, last: &last)
            Self.count(forgetting, request.repository, request.user, isSuccess: request.isSuccess, received: request.received)
        }
        func figures(_ usage: Usage) -> [String] {
            let report = usage.report()
            return report.rows.map { "\($0.repository ?? "-") \($0.user) \($0.figures.requests) \($0.figures.receivedFromClient)" }
                + ["\(report.rest.requests) \(report.rest.receivedFromClient)"]
        }
        #expect(figures(one) == figures(two))
    }

    @Test func `names that only failed requests have take no row`() {
        let usage = Usage()
        let worker = WorkerUsage(usage)
        for number in 0..<100 {
            Self.count(worker, "made/up\(number)", isSuccess: false)
            Self.count(worker, "made/up\(number)", isSuccess: false, received: 10)
        }
        let report = usage.report()
        #expect(report.rows.map(\.repository) == [nil])
        #expect(Self.row(report, nil)?.requests == 200)
        #expect(Self.row(report, nil)?.receivedFromClient == 1000)
    }

    @Test func `a failed transfer counts where the repository is known, on any worker`() {
        let usage = Usage()
        let (one, two) = (WorkerUsage(usage), WorkerUsage(usage))
        Self.count(one, "team/app")
        Self.count(two, "team/app", isSuccess: false, received: 10)
        Self.count(two, "team/app", isSuccess: false)
        #expect(Self.row(usage.report(), "team/app")?.receivedFromClient == 10)
        #expect(Self.row(usage.report(), "team/app")?.requests == 2)
        #expect(Self.row(usage.report(), nil)?.requests == 1)
    }

    @Test func `rows are bounded, and the rest is summed up`() {
        let usage = Usage(maxRows: 3)
        let (one, two) = (WorkerUsage(usage), WorkerUsage(usage))
        for name in ["a", "b", "c", "d", "e", "d"] { Self.count(one, name, pull: true, sent: 10) }
        for name in ["a", "e", "c"] { Self.count(two, name) }
        Self.count(one, "", isSuccess: false)
        Self.count(two, "f", isSuccess: false, received: 3)
        let report = usage.report()
        #expect(report.rows.map(\.repository) == ["a", "b", "c"])
        #expect(report.rows.map(\.figures.requests) == [2, 1, 2])
        #expect((report.rest.requests, report.rest.pulls, report.rest.sentToClient) == (6, 3, 30))
        #expect(report.rest.receivedFromClient == 3)
    }

    @Test func `counts from many workers are not lost while others read`() async {
        let usage = Usage(maxRows: 50)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let worker = WorkerUsage(usage)
                    for number in 0..<10_000 { Self.count(worker, "r\(number % 100)", sent: 1) }
                }
            }
            group.addTask { for _ in 0..<50 { #expect(usage.report().rows.count <= 50) } }
        }
        let report = usage.report()
        #expect(report.rows.count == 50)
        let all = report.rows.reduce(into: report.rest) { $0.add($1.figures) }
        #expect((all.requests, all.sentToClient) == (80_000, 80_000))
        #expect(report.rows.allSatisfy { $0.figures.requests == 800 })
    }
}
