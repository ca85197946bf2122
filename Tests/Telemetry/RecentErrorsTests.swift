import Logging
import Testing

@testable import Telemetry

struct RecentErrorsTests {
    private static func error(_ reason: String, at time: Double, isRejection: Bool = false, id: String = "") -> RecentError {
        var error = RecentError("request failed", time: time)
        (error.reason, error.isRejection, error.requestID) = (reason, isRejection, id)
        return error
    }

    @Test func `the newest comes first, and equal ones are counted`() {
        let errors = RecentErrors()
        errors.add(Self.error("a", at: 1, id: "1"))
        errors.add(Self.error("b", at: 2))
        errors.add(Self.error("a", at: 3, id: "3"))
        let latest = errors.latest()
        #expect(latest.map(\.reason) == ["a", "b"])
        #expect(latest.map(\.count) == [2, 1])
        #expect((latest[0].firstTime, latest[0].time, latest[0].requestID) == (1, 3, "3"))
    }

    @Test func `a flood of rejections leaves the errors`() {
        let errors = RecentErrors()
        errors.add(Self.error("the upstream", at: 0))
        for number in 0..<10_000 { errors.add(Self.error("\(number)", at: 1, isRejection: true)) }
        let latest = errors.latest()
        #expect(latest.count == RecentErrors.maxRejections + 1)
        #expect(latest.last?.reason == "the upstream")
    }

    @Test func `the oldest errors go first`() {
        let errors = RecentErrors()
        for number in 0..<250 { errors.add(Self.error("\(number)", at: Double(number))) }
        #expect(errors.latest().map(\.reason) == (0..<250).reversed().prefix(RecentErrors.maxFailures).map { "\($0)" })
    }

    @Test func `warnings and errors of the log are kept, with what their fields say`() {
        let errors = RecentErrors(), pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .json)
        let log = Logger(label: "test") { _ in StructuredLogHandler(sink: sink, errors: errors) }
        log.notice("token fetched", metadata: ["upstream": "main"])
        for attempt in 1...2 {
            log.error(
                "token not fetched",
                metadata: [
                    "upstream": "main", "error": "AccessDenied", "consequence": "there is no token yet", "fix": "allow it",
                    "attempt": .stringConvertible(attempt),
                ])
        }
        log.warning("the certificate has expired; renew it")
        sink.flush()
        let latest = errors.latest()
        #expect(latest.count == 2)
        let token = latest.first { $0.level == "error" }
        #expect((token?.message, token?.upstream, token?.fix, token?.count) == ("token not fetched", "main", "allow it", 2))
        #expect(token?.reason == "AccessDenied; consequence: there is no token yet")
        let warning = latest.first { $0.level == "warning" }
        #expect((warning?.message, warning?.reason) == ("the certificate has expired; renew it", nil))
    }
}
