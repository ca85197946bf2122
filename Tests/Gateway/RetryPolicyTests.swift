import Testing

@testable import Gateway

struct RetryPolicyTests {
    private static func failed(
        _ side: ConnectionFailure.Side = .upstream, isStall: Bool = false, isReused: Bool = true, hasReceivedBytes: Bool = false,
        canReplay: Bool = true
    ) -> RetryPolicy.Event {
        .connectionFailed(side, isStall: isStall, isReused: isReused, hasReceivedBytes: hasReceivedBytes, canReplay: canReplay)
    }

    @Test(
        arguments: [
            (failed(), true), (failed(.client), false), (failed(isStall: true), false), (failed(isReused: false), false),
            (failed(hasReceivedBytes: true), false), (failed(canReplay: false), false),
        ])
    func `only a reused connection that fails before any response is stale`(event: RetryPolicy.Event, retries: Bool) {
        var policy = RetryPolicy()
        #expect(policy.next(after: event) == (retries ? .retry(.staleConnection) : .fail))
        #expect(policy.needsNewConnection == retries, "the other idle connections may be closed too")
    }

    @Test(arguments: [
        (TokenRejection.Reason.expired, ReplayReason.tokenExpired), (.invalid, .tokenInvalid), (.unauthorized, .unauthorized),
    ])
    func `after a rejected token, a newer one is required`(reason: TokenRejection.Reason, replay: ReplayReason) {
        var policy = RetryPolicy()
        #expect(policy.next(after: .tokenRejected(generation: 3, reason, canReplay: true)) == .retry(replay))
        #expect(policy.rejectedGeneration == 3)
        #expect(policy.next(after: .tokenRejected(generation: 2, reason, canReplay: true)) == .retry(replay))
        #expect(policy.rejectedGeneration == 3, "an older token does not count")
    }

    @Test func `a request whose body is not held is not sent again with another token`() {
        var policy = RetryPolicy()
        #expect(policy.next(after: .tokenRejected(generation: 1, .expired, canReplay: false)) == .fail)
    }

    @Test func `the number of attempts is bounded`() {
        var policy = RetryPolicy(maxAttempts: 3)
        #expect((0..<5).map { _ in policy.beginAttempt() } == [true, true, true, false, false])
    }

    @Test(
        arguments: [
            (false, nil, false, true), (true, nil, false, false), (false, 0, true, true), (true, 0, true, true),
            (false, 0, false, false),
        ] as [(Bool, Int?, Bool, Bool)])
    func `a transfer resumes when its rest is known, and before the response unless it stalled`(
        isStall: Bool, sent: Int?, canResume: Bool, resumes: Bool
    ) {
        var policy = RetryPolicy()
        let next = policy.next(after: .transferFailed(isStall: isStall, sent: sent, canResume: canResume))
        #expect(next == (resumes ? .resume(after: .zero) : .fail))
    }

    @Test func `the pause doubles with each break without progress, and the breaks are bounded`() {
        var policy = RetryPolicy()
        let pauses: [Duration] = [.zero, .milliseconds(200), .milliseconds(400), .milliseconds(800)]
        for (number, pause) in pauses.enumerated() {
            let event = RetryPolicy.Event.transferFailed(isStall: false, sent: number, canResume: true)
            #expect(policy.next(after: event) == .resume(after: pause))
        }
        #expect(policy.next(after: .transferFailed(isStall: false, sent: 4, canResume: true)) == .fail)
    }

    @Test func `progress between two breaks resets their count`() {
        var policy = RetryPolicy()
        for number in 0..<100 {
            let sent = number * RetryPolicy.minProgress
            #expect(
                policy.next(after: .transferFailed(isStall: true, sent: sent, canResume: true)) == .resume(after: .zero))
        }
    }

    @Test func `a resumed transfer has all its attempts again, on a new connection`() {
        var policy = RetryPolicy(maxAttempts: 2)
        while policy.beginAttempt() {}
        _ = policy.next(after: .transferFailed(isStall: false, sent: 1, canResume: true))
        #expect(policy.beginAttempt() && policy.needsNewConnection)
    }

    @Test func `a blob's URL is renewed at most three times`() {
        var policy = RetryPolicy()
        for _ in 0..<3 { #expect(policy.next(after: .urlExpired) == .retry(.expiredURL)) }
        #expect(policy.next(after: .urlExpired) == .fail)
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
