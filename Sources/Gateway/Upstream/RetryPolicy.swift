/// Decides whether a request is sent to the upstream again. A pure value: it is told what happened and says what is next; clock, connection
/// and counters stay with its owner. One for each client request, or for each of Berth's own.
struct RetryPolicy {
    /// What went wrong.
    enum Event {
        /// The registry rejected the token of this generation.
        /// - Parameter canReplay: the request's body is held, or there is none.
        case tokenRejected(generation: Int, TokenRejection.Reason, canReplay: Bool)
        /// A connection failed before the response was complete.
        /// - Parameters:
        ///   - isReused: it had carried an exchange before.
        ///   - hasReceivedBytes: of the response.
        ///   - canReplay: the request may be sent twice, and its body is held.
        case connectionFailed(ConnectionFailure.Side, isStall: Bool, isReused: Bool, hasReceivedBytes: Bool, canReplay: Bool)
        /// The transfer of a blob failed on the upstream's side.
        /// - Parameters:
        ///   - sent: bytes of the blob that the client has been sent; nil: the client's response has not started.
        ///   - canResume: the rest is known, and not empty.
        case transferFailed(isStall: Bool, sent: Int?, canResume: Bool)
        /// The storage rejected the URL of a blob: the registry can give a new one.
        case urlExpired
    }

    enum Decision: Equatable {
        /// Send the request again at once.
        case retry(ReplayReason)
        /// Ask for the rest of the blob after a pause.
        case resume(after: Duration)
        case fail
    }

    /// Attempts that are left.
    private var attempts: Int
    private let maxAttempts: Int
    /// Tokens up to this generation have been rejected. 0: none.
    private(set) var rejectedGeneration = 0
    /// An idle connection turned out to be closed: the others may be closed too.
    private(set) var needsNewConnection = false
    private var renewals = 0
    /// Failures of the transfer in a row, without progress between them, and what had been sent at the last one.
    private var breaks = 0, sentAtBreak = 0

    /// Enough for two stale connections and two rejected tokens before the attempt that succeeds. After that the client gets the upstream's
    /// response, or a 502.
    static let maxAttempts = 5
    /// Times that a blob's URL is renewed: the first may have been about to expire, and so may one when a long transfer breaks.
    static let maxRenewals = 3
    /// In a row. After that the upstream is considered broken, and the retry is left to the client.
    static let maxBreaks = 4
    /// Bytes that count as progress: with fewer between two breaks, one request could become thousands.
    static let minProgress = 1 << 20

    init(maxAttempts: Int = Self.maxAttempts) { (attempts, self.maxAttempts) = (maxAttempts, maxAttempts) }

    /// Counts an attempt. false: none is left.
    mutating func beginAttempt() -> Bool {
        attempts -= 1
        return attempts >= 0
    }

    mutating func next(after event: Event) -> Decision {
        switch event {
        case .tokenRejected(let generation, let reason, let canReplay):
            rejectedGeneration = max(rejectedGeneration, generation)
            return canReplay ? .retry(ReplayReason(reason)) : .fail
        case .connectionFailed(let side, let isStall, let isReused, let hasReceivedBytes, let canReplay):
            // ECR 1.5: a reset of a reused connection before any response means that it had been closed before the request came.
            guard side == .upstream, isReused, !hasReceivedBytes, !isStall, canReplay else { return .fail }
            needsNewConnection = true
            return .retry(.staleConnection)
        case .transferFailed(let isStall, let sent, let canResume):
            guard sent == nil ? !isStall : canResume else { return .fail }
            return resume(sent ?? 0)
        case .urlExpired:
            guard renewals < Self.maxRenewals else { return .fail }
            renewals += 1
            return .retry(.expiredURL)
        }
    }

    /// At once after the first break, then after 200, 400 and 800 ms.
    private mutating func resume(_ sent: Int) -> Decision {
        if sent - sentAtBreak >= Self.minProgress { breaks = 0 }
        guard breaks < Self.maxBreaks else { return .fail }
        let pause: Duration = breaks == 0 ? .zero : .milliseconds(100 << breaks)
        (breaks, sentAtBreak) = (breaks + 1, sent)
        (attempts, needsNewConnection) = (maxAttempts, true)
        return .resume(after: pause)
    }
}
