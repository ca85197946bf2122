/// Decides whether a request is sent to the upstream again. A pure value: it is told what happened, and when, and says what is next; clock, budget,
/// connection and counters stay with its owner. One for each client request, or for each of Berth's own.
struct RetryPolicy {
    /// What went wrong.
    enum Event {
        /// The registry rejected the token of this generation.
        /// - Parameter canReplay: the request's body is held, or there is none.
        case tokenRejected(generation: Int, TokenRejection.Reason, canReplay: Bool)
        /// An attempt came to nothing.
        /// - Parameter canRepeat: sending the request again is harmless.
        case failed(AttemptFault, canRepeat: Bool)
        /// The transfer of a blob failed on the upstream's side.
        /// - Parameters:
        ///   - sent: bytes of the blob that the client has been sent; nil: the client's response has not started.
        ///   - canResume: the rest is known, and not empty.
        case transferFailed(sent: Int?, canResume: Bool)
        /// The storage rejected the URL of a blob: the registry can give a new one.
        case urlExpired
    }

    enum Decision: Equatable {
        /// Send the request again after a pause.
        case retry(ReplayReason, after: Duration)
        /// Ask for the rest of the blob after a pause.
        case resume(after: Duration)
        case fail
    }

    typealias Instant = ContinuousClock.Instant

    /// `start`, from the clock's epoch. Not an instant: its size is not known to the compiler, which makes every copy dear.
    private var sinceEpoch: Duration
    /// Tokens up to this generation have been rejected. 0: none.
    private(set) var rejectedGeneration = 0
    /// An idle connection turned out to be closed: the others may be closed too.
    private(set) var needsNewConnection: Bool
    /// That the present attempt has stalled has been counted: its response may be waited for further.
    var hasCountedStall = false
    private var rejections = 0, faults = 0, stalls = 0, renewals = 0
    /// Failures of the transfer in a row, without progress between them, and what had been sent at the last one.
    private var breaks = 0, sentAtBreak = 0

    /// For all attempts together, until the client's response starts: clients wait longer, but people do not.
    static let patience = Duration.seconds(10)
    /// An attempt that begins later than this before the end would say less about the upstream than the one before.
    static let minAttempt = Duration.seconds(1)
    /// The longest pause after the first fault, which doubles with each further one, and its bound. The pause is a random share of it, so that clients that
    /// failed together do not come back together.
    static let firstPause = Duration.milliseconds(100), maxPause = Duration.seconds(2)
    /// How long a read waits for a response before it is sent once more, over another connection. Registries respond in a fraction of it; one that is
    /// merely slow has the rest of `patience` for the second attempt.
    static let stallTime = Duration.seconds(3)
    /// Tokens that may be rejected: one that has just expired, and one that was replaced meanwhile. After that the registry rejects all.
    static let maxRejections = 4
    /// Times that a blob's URL is renewed: the first may have been about to expire, and so may one when a long transfer breaks.
    static let maxRenewals = 3
    /// In a row. After that the upstream is considered broken, and the retry is left to the client.
    static let maxBreaks = 4
    /// Bytes that count as progress: with fewer between two breaks, one request could become thousands.
    static let minProgress = 1 << 20

    init(from start: Instant, needsNewConnection: Bool = false) {
        (sinceEpoch, self.needsNewConnection) = (Self.sinceEpoch(start), needsNewConnection)
    }

    private static func sinceEpoch(_ instant: Instant) -> Duration { instant - ContinuousClock().systemEpoch }

    /// When the time for all attempts began.
    var start: Instant { ContinuousClock().systemEpoch + sinceEpoch }

    /// An attempt has come to nothing.
    var hasFaults: Bool { faults > 0 }

    // MARK: Time

    /// For all attempts at one of several registries: a stall is to show before the next one is asked, and the last one has time for an attempt however long
    /// those before it took.
    /// - Parameters:
    ///   - start: when the request came.
    ///   - alternative: to this registry.
    static func time(at now: Instant, since start: Instant, _ alternative: RegistryOrder.Alternative) -> Duration {
        let left = patience - (now - start)
        return max(stallTime, alternative == .none ? left : min(left, stallTime + .seconds(1)))
    }

    /// The request has waited for something else than the registry, such as its turn or its client's body.
    mutating func postpone(by time: Duration) { sinceEpoch += time }

    /// What is left for further attempts.
    func left(at now: Instant) -> Duration { max(.zero, sinceEpoch + Self.patience - Self.sinceEpoch(now)) }

    /// What an attempt has that is made now: a late one, after a slow response before it, is not made in vain.
    func attemptTime(at now: Instant) -> Duration { max(left(at: now), Self.stallTime) }

    /// How long a read may wait for a response, or for the next bytes of one, before it counts as stalled.
    /// - Parameter now: asked for only after a fault.
    func stallLimit(at now: @autoclosure () -> Instant) -> Duration {
        guard faults > 0 else { return Self.stallTime }
        let left = attemptTime(at: now())
        return stalls == 0 && left >= Self.stallTime * 2 ? Self.stallTime : left
    }

    /// How long a TLS handshake may take, so that there is time for another one.
    func handshakeLimit(at now: Instant) -> Duration {
        let left = attemptTime(at: now)
        return left >= Self.stallTime * 2 ? left / 2 : left
    }

    // MARK: Decisions

    /// - Parameter random: in 0..<1.
    mutating func next(after event: Event, at now: Instant, random: Double) -> Decision {
        switch event {
        case .tokenRejected(let generation, let reason, let canReplay):
            rejectedGeneration = max(rejectedGeneration, generation)
            rejections += 1
            return canReplay && rejections <= Self.maxRejections ? .retry(ReplayReason(reason), after: .zero) : .fail
        case .failed(let fault, let canRepeat):
            return canRepeat ? next(after: fault, at: now, random) : .fail
        case .transferFailed(let sent, let canResume):
            guard sent == nil || canResume else { return .fail }
            return resume(sent ?? 0, at: now)
        case .urlExpired:
            guard renewals < Self.maxRenewals else { return .fail }
            renewals += 1
            return .retry(.expiredURL, after: .zero)
        }
    }

    private mutating func next(after fault: AttemptFault, at now: Instant, _ random: Double) -> Decision {
        guard !fault.isPermanent else { return .fail }
        if case .stale = fault {
            // No request reached the upstream.
            needsNewConnection = true
            return .retry(.staleConnection, after: .zero)
        }
        let longest = min(Self.maxPause, Self.firstPause * (1 << min(faults, 10)))
        // In microseconds, which is exact enough.
        var pause = Duration.microseconds(
            Int64(random * Double(longest.components.seconds * 1_000_000 + longest.components.attoseconds / 1_000_000_000_000)))
        if case .status(_, let retryAfter?) = fault { pause += .seconds(min(retryAfter, Int(Int32.max))) }
        guard pause + Self.minAttempt <= left(at: now) else { return .fail }
        faults += 1
        if case .stalled = fault { stalls += 1 }
        if fault.breaksConnection { needsNewConnection = true }
        return .retry(fault.reason, after: pause)
    }

    /// At once after the first break, then after 200, 400 and 800 ms. The rest has all the time again.
    private mutating func resume(_ sent: Int, at now: Instant) -> Decision {
        if sent - sentAtBreak >= Self.minProgress { breaks = 0 }
        guard breaks < Self.maxBreaks else { return .fail }
        let pause: Duration = breaks == 0 ? .zero : .milliseconds(100 << breaks)
        (breaks, sentAtBreak) = (breaks + 1, sent)
        (sinceEpoch, rejections, faults, stalls, needsNewConnection) = (Self.sinceEpoch(now), 0, 0, 0, true)
        return .resume(after: pause)
    }
}
