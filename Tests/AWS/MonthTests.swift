import Crypto
import Foundation
import Logging
import Synchronization
import Testing
import Transport

@testable import AWS

/// A month of a token and its credentials, simulated in seconds: only the clocks are simulated. AWS fails for minutes and hours, and this
/// machine's clock is set an hour off and back.
@Suite(.timeLimit(.minutes(5))) final class MonthTests {
    private let loop = EventLoop()
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() { loop.start(named: "month") }
    deinit { loop.stop() }

    /// ECR's API and a container endpoint, by the true time.
    private final class AWS: Sendable {
        struct Figures { var tokens = 0, sessions = 0, rejected = 0, tokenEnds = Date.distantPast, sessionEnds = Date.distantPast }
        let figures = Mutex(Figures())
        let isAway = Atomic(false)
        let time: SimulatedClock
        /// Of a session, in seconds.
        let lifetime: TimeInterval

        init(time: SimulatedClock, lifetime: TimeInterval) { (self.time, self.lifetime) = (time, lifetime) }

        func response(_ request: ScriptedServer.Request) -> ScriptedServer.Response {
            if isAway.load(ordering: .relaxed) { return .hangUp }
            let now = time.now
            return figures.withLock { figures in
                var response = request.method == "GET" ? session(&figures, now) : token(&figures, now, request)
                response.fields["Date"] = Self.httpDate(now)
                return response
            }
        }

        /// As a metadata service does: the same session until it is about to expire.
        private func session(_ figures: inout Figures, _ now: Date) -> ScriptedServer.Response {
            figures.sessions += 1
            if figures.sessionEnds.timeIntervalSince(now) < lifetime / 4 { figures.sessionEnds = now.addingTimeInterval(lifetime) }
            return .json(
                #"{"AccessKeyId":"AS\#(Int(figures.sessionEnds.timeIntervalSince1970))","SecretAccessKey":"s","Token":"t","Expiration":"\#(figures.sessionEnds.formatted(.iso8601))"}"#
            )
        }

        private func token(_ figures: inout Figures, _ now: Date, _ request: ScriptedServer.Request) -> ScriptedServer.Response {
            func reject(_ type: String) -> ScriptedServer.Response {
                figures.rejected += 1
                return .json(#"{"__type":"\#(type)","message":"m"}"#, status: 400)
            }
            let format = Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted)
            guard let signed = request.fields["x-amz-date"].flatMap({ try? Date($0, strategy: format) }),
                abs(signed.timeIntervalSince(now)) < 900
            else { return reject("InvalidSignatureException") }
            let key = request.fields["authorization"]?.split(separator: "=").dropFirst().first?.split(separator: "/").first
            guard let end = key.flatMap({ TimeInterval($0.dropFirst(2)) }), end > now.timeIntervalSince1970 else {
                return reject("ExpiredTokenException")
            }
            figures.tokens += 1
            figures.tokenEnds = now.addingTimeInterval(43200)
            return .json(
                #"{"authorizationData":[{"authorizationToken":"QVdTOnB3","expiresAt":\#(figures.tokenEnds.timeIntervalSince1970)}]}"#
            )
        }

        private static func httpDate(_ date: Date) -> String {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(identifier: "GMT")
            formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
            return formatter.string(from: date)
        }
    }

    /// The lifetime of a session in seconds.
    @Test(arguments: [900.0, 3600, 21_600, 43_200])
    func `in a month of outages a valid token is missing only when none could be fetched`(_ lifetime: TimeInterval) async throws {
        let time = SimulatedClock(), hour: TimeInterval = 3600
        let aws = AWS(time: time, lifetime: lifetime)
        let server = try ScriptedServer { aws.response($0) }
        let httpClient = HTTPClient(loop: loop)
        let source = ContainerCredentials(
            httpClient: httpClient, environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url.description], sleep: { _ in })
        let service = SignedService(
            httpClient: httpClient, endpoint: ServiceEndpoint(url: server.url, region: "eu-west-1"), name: "ecr",
            now: { time.shown },
            sleep: { _ in })
        let credentials = CredentialKeeper(loop: loop, source: source, log: log, now: { time.shown })
        let client = ECRClient(service: JSONService(service: service, credentials: credentials, target: "ECR"))
        let keeper = TokenKeeper(name: "month", loop: loop, log: log, clock: time.keeperClock) { () async throws(AWSError) in
            try await client.authorizationToken()
        }
        await keeper.start()

        var random = SystemRandomNumberGenerator()
        let start = time.now
        var back = time.now, without: TimeInterval = 0, steps = 0
        func look() {
            // After AWS has recovered, the backoff of a failed fetch and the pause of the credential keeper still apply.
            let isExcused = aws.isAway.load(ordering: .relaxed) || time.now < back.addingTimeInterval(700)
            let isUsable = aws.figures.withLock { $0.tokenEnds } > time.now && keeper.current.current != nil
            if !isUsable, !isExcused, time.now > start.addingTimeInterval(60) { without += 1 }
        }
        while time.now < start.addingTimeInterval(30 * 24 * hour) {
            try await time.pass(.random(in: 4 * hour...30 * hour, using: &random), then: look)
            time.setOff(by: [-hour, 0, 0, hour].randomElement(using: &random) ?? 0)
            steps += 1
            try await time.pass(.random(in: 0...2 * hour, using: &random), then: look)
            aws.isAway.store(true, ordering: .relaxed)
            try await time.pass([60, 600, hour, 5 * hour, 11 * hour].randomElement(using: &random) ?? 60, then: look)
            aws.isAway.store(false, ordering: .relaxed)
            back = time.now
        }
        await keeper.stop()

        #expect(without == 0, "looks that found no usable token")
        let days = time.now.timeIntervalSince(start) / (24 * hour)
        let figures = aws.figures.withLock { $0 }
        // At least one token in 12 hours, each with valid credentials. The bound is twice that, plus what each outage and clock step causes.
        #expect(Double(figures.tokens) <= 2 * 2 * days + Double(2 * steps), "\(figures.tokens) tokens in \(days) days")
        #expect(Double(figures.sessions) <= 2 * 2 * days + Double(4 * steps), "\(figures.sessions) sessions in \(days) days")
        #expect(
            Double(figures.tokens) >= 2 * days * 0.7 && steps > 10, "it was no month: \(figures.tokens) tokens, \(steps) outages")
        #expect(figures.rejected <= 4 * steps, "\(figures.rejected) rejections, \(steps) steps of the clock")
    }
}
