import HTTP
import Testing

@testable import Gateway

struct RetryPolicyTests {
    private static let start = ContinuousClock.now

    /// What the policy says after so many milliseconds, with the longest pause.
    private static func next(
        _ policy: inout RetryPolicy, after event: RetryPolicy.Event, at milliseconds: Int = 0, random: Double = 1
    ) -> RetryPolicy.Decision {
        policy.next(after: event, at: start + .milliseconds(milliseconds), random: random)
    }

    private static func status(_ status: Int, retryAfter: Int? = nil) -> RetryPolicy.Event {
        .failed(.status(status, retryAfter: retryAfter), canRepeat: true)
    }

    @Test func `a closed idle connection costs no pause, and the next attempt takes a new connection`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(Self.next(&policy, after: .failed(.stale, canRepeat: true)) == .retry(.staleConnection, after: .zero))
        #expect(policy.needsNewConnection, "the other idle connections may be closed too")
    }

    @Test(arguments: [
        (AttemptFault.unreachable(isPermanent: false), ReplayReason.unreachable), (.broken, .brokenConnection),
        (.stalled, .stalled),
        (.status(500, retryAfter: nil), .serverError), (.status(429, retryAfter: nil), .throttled),
    ])
    func `after a fault the request is sent again after a random share of a pause that doubles`(
        fault: AttemptFault, reason: ReplayReason
    ) {
        var policy = RetryPolicy(from: Self.start)
        for longest in [100, 200, 400, 800, 1600, 2000, 2000] {
            var copy = policy
            #expect(Self.next(&copy, after: .failed(fault, canRepeat: true), random: 0) == .retry(reason, after: .zero))
            let pause = Self.next(&policy, after: .failed(fault, canRepeat: true), random: 0.5)
            #expect(pause == .retry(reason, after: .milliseconds(longest / 2)))
        }
    }

    @Test func `nothing is sent again that would do harm, or that cannot succeed`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(Self.next(&policy, after: .failed(.broken, canRepeat: false)) == .fail)
        #expect(Self.next(&policy, after: .failed(.unreachable(isPermanent: true), canRepeat: true)) == .fail)
        #expect(Self.next(&policy, after: .failed(.malformed, canRepeat: true)) == .fail)
    }

    @Test func `attempts end ten seconds after the first`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(Self.next(&policy, after: Self.status(503), at: 8_800) != .fail)
        #expect(Self.next(&policy, after: Self.status(503), at: 8_900) == .fail, "the last one would have less than a second")
        #expect(policy.left(at: Self.start + .seconds(11)) == .zero)
    }

    @Test func `Retry-After is kept, and ends the attempts when it is longer than what is left`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(
            Self.next(&policy, after: Self.status(503, retryAfter: 3), random: 0) == .retry(.serverError, after: .seconds(3)))
        #expect(Self.next(&policy, after: Self.status(503, retryAfter: 3), at: 8_000, random: 0) == .fail)
        #expect(Self.next(&policy, after: Self.status(429, retryAfter: .max), random: 0) == .fail)
    }

    @Test func `a read that gets no response is sent again after three seconds, and then has the rest of the time`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(policy.stallLimit(at: Self.start) == .seconds(3))
        _ = Self.next(&policy, after: .failed(.stalled, canRepeat: true), at: 3_000)
        #expect(policy.stallLimit(at: Self.start + .seconds(3)) == .seconds(7))
    }

    @Test func `a TLS handshake leaves time for another one`() {
        let policy = RetryPolicy(from: Self.start)
        #expect(policy.handshakeLimit(at: Self.start) == .seconds(5))
        #expect(policy.handshakeLimit(at: Self.start + .seconds(5)) == .seconds(5))
    }

    @Test(arguments: [
        (TokenRejection.Reason.expired, ReplayReason.tokenExpired), (.invalid, .tokenInvalid), (.unauthorized, .unauthorized),
    ])
    func `after a rejected token, a newer one is required`(reason: TokenRejection.Reason, replay: ReplayReason) {
        var policy = RetryPolicy(from: Self.start)
        let next = { Self.next(&policy, after: .tokenRejected(generation: $0, reason, canReplay: true)) }
        #expect(next(3) == .retry(replay, after: .zero))
        #expect(next(2) == .retry(replay, after: .zero))
        #expect(policy.rejectedGeneration == 3, "an older token does not count")
    }

    @Test func `a request whose body is not held is not sent again with another token`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(Self.next(&policy, after: .tokenRejected(generation: 1, .expired, canReplay: false)) == .fail)
    }

    @Test func `a registry that rejects every token is asked five times`() {
        var policy = RetryPolicy(from: Self.start)
        let decisions = (1...5).map { Self.next(&policy, after: .tokenRejected(generation: $0, .expired, canReplay: true)) }
        #expect(decisions.map { $0 == .fail } == [false, false, false, false, true])
    }

    @Test(arguments: [(nil, false, true), (0, true, true), (0, false, false)] as [(Int?, Bool, Bool)])
    func `a transfer resumes when its rest is known`(sent: Int?, canResume: Bool, resumes: Bool) {
        var policy = RetryPolicy(from: Self.start)
        let next = Self.next(&policy, after: .transferFailed(sent: sent, canResume: canResume))
        #expect(next == (resumes ? .resume(after: .zero) : .fail))
    }

    @Test func `the pause doubles with each break without progress, and the breaks are bounded`() {
        var policy = RetryPolicy(from: Self.start)
        let pauses: [Duration] = [.zero, .milliseconds(200), .milliseconds(400), .milliseconds(800)]
        for (number, pause) in pauses.enumerated() {
            #expect(Self.next(&policy, after: .transferFailed(sent: number, canResume: true)) == .resume(after: pause))
        }
        #expect(Self.next(&policy, after: .transferFailed(sent: 4, canResume: true)) == .fail)
    }

    @Test func `progress between two breaks resets their count`() {
        var policy = RetryPolicy(from: Self.start)
        for number in 0..<100 {
            let sent = number * RetryPolicy.minProgress
            #expect(Self.next(&policy, after: .transferFailed(sent: sent, canResume: true)) == .resume(after: .zero))
        }
    }

    @Test func `a resumed transfer has all its time again, on a new connection`() {
        var policy = RetryPolicy(from: Self.start)
        #expect(Self.next(&policy, after: Self.status(503), at: 11_000) == .fail)
        _ = Self.next(&policy, after: .transferFailed(sent: 1, canResume: true), at: 11_000)
        #expect(policy.needsNewConnection)
        #expect(Self.next(&policy, after: Self.status(503), at: 19_500) != .fail)
    }

    @Test func `a blob's URL is renewed at most three times`() {
        var policy = RetryPolicy(from: Self.start)
        for _ in 0..<3 { #expect(Self.next(&policy, after: .urlExpired) == .retry(.expiredURL, after: .zero)) }
        #expect(Self.next(&policy, after: .urlExpired) == .fail)
    }
}

struct AttemptFaultTests {
    @Test(arguments: [(429, true), (500, true), (502, true), (503, true), (504, true), (501, false), (404, false), (200, false)])
    func `these statuses are faults of the upstream`(status: Int, isFault: Bool) {
        #expect((AttemptFault(status: status, retryAfter: nil) != nil) == isFault)
    }
}

struct RepetitionTests {
    private static let sent = ReplayBody.whole([1]), unsent = ReplayBody.partial([]), gone = ReplayBody.overflowed(taken: 70_000)
    private static let closed = AttemptFault.stale, busy = AttemptFault.status(429, retryAfter: nil)
    private static let away = AttemptFault.status(503, retryAfter: nil)
    private static let failed = AttemptFault.status(500, retryAfter: nil)

    @Test(
        arguments: [
            // A read, and a POST that opens an upload: always.
            (Method.get, BodyFraming.none, .none, .broken, true), (.head, .none, .none, failed, true),
            (.post, .length(0), unsent, .stalled, true),
            // A manifest, or the end of an upload, whose body is held: always.
            (.put, .length(1), sent, .broken, true), (.put, .length(1), sent, failed, true),
            (.put, .length(70_000), gone, busy, false),
            // A chunk: as long as nothing of it was sent, or the registry says that it has not taken it.
            (.patch, .chunked, unsent, .broken, true), (.patch, .chunked, sent, .broken, false),
            (.patch, .chunked, sent, closed, false),
            (.patch, .chunked, sent, failed, false), (.patch, .chunked, .partial([1]), busy, true),
            (.patch, .chunked, .partial([1]), away, false), (.patch, .chunked, unsent, away, true),
            (.patch, .chunked, gone, busy, false),
            (.patch, .chunked, .partial([1]), .unreachable(isPermanent: false), true),
            // A deletion: it may have been done.
            (.delete, .none, .none, .broken, false), (.delete, .none, .none, closed, true), (.delete, .none, .none, busy, true),
            (.delete, .none, .none, away, false),
        ] as [(Method, BodyFraming, ReplayBody, AttemptFault, Bool)])
    func `a request is sent again only while nothing of it can have been taken, or twice is the same as once`(
        method: Method, framing: BodyFraming, body: ReplayBody, fault: AttemptFault, isAllowed: Bool
    ) {
        #expect(Repetition(method, framing).allows(after: fault, body) == isAllowed)
    }
}

struct ReplayBodyTests {
    private static func append(_ count: Int, to body: inout ReplayBody) {
        [UInt8](repeating: 1, count: count).withUnsafeBytes { body.append($0) }
    }

    @Test func `a streamed body can be sent again while little of it has been taken`() {
        var body = ReplayBody.partial([])
        Self.append(ReplayBody.maxHeld, to: &body)
        #expect(body.canReplay && !body.isWhole && body.held.count == ReplayBody.maxHeld && body.taken == ReplayBody.maxHeld)
        Self.append(1, to: &body)
        #expect(!body.canReplay && body.held.isEmpty && body.taken == ReplayBody.maxHeld + 1)
        Self.append(5, to: &body)
        #expect(body.taken == ReplayBody.maxHeld + 6)
    }

    @Test func `a large body that was read first is not kept while its rest streams`() {
        var body = ReplayBody.partial([UInt8](repeating: 1, count: ReplayBody.maxHeld + 1))
        #expect(body.canReplay)
        body.releaseLarge()
        #expect(!body.canReplay && body.taken == ReplayBody.maxHeld + 1)
        var whole = ReplayBody.whole([UInt8](repeating: 1, count: ReplayBody.maxHeld + 1))
        whole.releaseLarge()
        #expect(whole.canReplay && whole.isWhole)
    }

    @Test func `a request without a body counts as read whole`() {
        #expect(ReplayBody.none.isWhole && ReplayBody.none.canReplay && ReplayBody.none.taken == 0)
    }
}
