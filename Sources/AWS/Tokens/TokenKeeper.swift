package import FoundationEssentials
package import Logging
package import Transport

/// Keeps one identity's authorization token fresh and publishes it to the workers. Runs on the control loop until `stop()` or until its last
/// reference goes: when a reload removes an upstream, its keeper goes with the upstream's last exchange.
package actor TokenKeeper {
    /// What `/readyz`, the metrics and `berth check` show.
    package struct State: Sendable {
        /// When the current token was fetched; nil before the first.
        package var fetchedAt: Date?
        /// When the current token expires, as far as is known; nil before the first.
        package var expiresAt: Date?
        /// When the next fetch is due that nobody asks for; nil before the first fetch has ended.
        package var nextFetchAt: Date?
        /// The error of the last fetch; nil when that succeeded.
        package var lastError: String?
        /// When the last fetch failed; nil when it succeeded.
        package var lastErrorAt: Date?
        /// Since the keeper was made.
        package var refreshesSucceeded = 0
        /// Since the keeper was made.
        package var refreshesFailed = 0

        /// No token yet.
        package init() {}

        /// Whether there is a token that has not expired, as far as is known.
        package func isReady(at now: Date) -> Bool { expiresAt.map { $0 > now } ?? false }
    }

    /// The control loop.
    package nonisolated let loop: EventLoop
    /// Runs the actor on `loop`.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Names the identity in log lines: `123456789012.dkr.ecr.eu-west-1.amazonaws.com` or an upstream's name.
    package nonisolated let name: String
    /// The current token; nil before the first.
    package nonisolated let current: Published<AuthorizationToken?>
    /// Published after each fetch.
    package nonisolated let state: Published<State>

    private let fetch: @Sendable () async throws(AWSError) -> FetchedToken
    private let log: Logger
    private let clock: KeeperClock
    private var schedule = RefreshSchedule()
    private var token: AuthorizationToken?
    private var status: State
    private var isStarted = false
    private var fetching: Task<Void, Never>?
    private var alarm: Task<Void, Never>?
    private var waiters: [Int: Waiter] = [:]
    private var lastWaiter = 0

    private struct Waiter {
        let generation: Int
        let continuation: CheckedContinuation<AuthorizationToken?, Never>
    }

    /// - Parameters:
    ///   - name: names the identity in log lines.
    ///   - former: kept the token of the same identity until now. Its token is used until the first one has been fetched.
    ///   - fetch: gets a token from AWS. Has timeouts of its own. Only one call at a time is under way.
    package init(
        name: String, loop: EventLoop, log: Logger, clock: KeeperClock = .system, former: TokenKeeper? = nil,
        fetch: @escaping @Sendable () async throws(AWSError) -> FetchedToken
    ) {
        token = former?.current.current
        status = State()
        (status.fetchedAt, status.expiresAt) = (token?.fetchedAt, token?.expiresAt)
        current = Published(token)
        state = Published(status)
        self.name = name
        self.loop = loop
        self.log = log
        self.clock = clock
        self.fetch = fetch
    }

    deinit { alarm?.cancel() }

    /// Fetches the first token and keeps it fresh from then on. A second call has no effect.
    package func start() {
        guard !isStarted else { return }
        isStarted = true
        scheduleFetch()
    }

    /// Begins no more fetches. Waiting callers get nil.
    package func stop() {
        isStarted = false
        alarm?.cancel()
        fetching?.cancel()
        for number in Array(waiters.keys) { resume(number, nil) }
    }

    /// Waits for a token newer than the one that the upstream rejected. Joins the fetch under way or requests one: there is one fetch, however
    /// many callers wait.
    /// - Parameter generation: of the rejected token; 0 accepts any token.
    /// - Returns: nil when no token came within `limit`.
    package func token(newerThan generation: Int, within limit: Duration) async -> AuthorizationToken? {
        if let token, token.generation > generation { return token }
        guard isStarted, !Task.isCancelled else { return nil }
        lastWaiter += 1
        let number = lastWaiter
        let deadline = Task {
            guard (try? await clock.sleep(limit)) != nil else { return }
            self.resume(number, nil)
        }
        let response = await withTaskCancellationHandler {
            await wait(number, generation: generation)
        } onCancel: {
            Task { await self.resume(number, nil) }
        }
        deadline.cancel()
        return response
    }

    /// Fetches a token because an operator asked for it. Returns nil when none came within `limit`.
    package func refresh(within limit: Duration) async -> AuthorizationToken? {
        await token(newerThan: token?.generation ?? 0, within: limit)
    }

    /// A method of its own: in a closure that does not name the actor, `withCheckedContinuation` leaves the loop's thread.
    private func wait(_ number: Int, generation: Int) async -> AuthorizationToken? {
        if Task.isCancelled { return nil }
        return await withCheckedContinuation { continuation in
            // The token may have come before this call ran on the loop.
            if let token, token.generation > generation { return continuation.resume(returning: token) }
            waiters[number] = Waiter(generation: generation, continuation: continuation)
            scheduleFetch()
        }
    }

    private func resume(_ number: Int, _ token: AuthorizationToken?) {
        waiters.removeValue(forKey: number)?.continuation.resume(returning: token)
    }

    /// Begins a fetch if one is due; otherwise sets the alarm for when one will be.
    private func scheduleFetch() {
        guard isStarted, !schedule.isFetching else { return }
        alarm?.cancel()
        let now = clock.now()
        let wait = schedule.nextFetch(at: now, isRequested: !waiters.isEmpty).timeIntervalSince(now)
        guard wait > 0 else {
            schedule.fetchStarted(at: now)
            fetching = Task { await self.fetchOnce() }
            return
        }
        // The sleep is bounded, as a clock that is set forward makes the fetch due sooner.
        let sleep = min(wait, KeeperClock.maxSleep)
        alarm = Task { [weak self, clock] in
            guard (try? await clock.sleep(.seconds(sleep))) != nil, !Task.isCancelled else { return }
            await self?.scheduleFetch()
        }
    }

    private func fetchOnce() async {
        do throws(AWSError) {
            fetchSucceeded(try await fetch())
        } catch {
            fetchFailed(error)
        }
        scheduleFetch()
    }

    private func fetchSucceeded(_ fetched: FetchedToken) {
        let life = TokenLife(fetchedAt: clock.now(), reported: fetched.expiresAt)
        let new = AuthorizationToken(generation: (token?.generation ?? 0) + 1, fetched: fetched, life: life)
        schedule.fetchSucceeded(life, random: clock.random())
        token = new
        status.fetchedAt = life.fetchedAt
        status.expiresAt = life.expiresAt
        status.nextFetchAt = schedule.nextFetch(at: life.fetchedAt, isRequested: false)
        (status.lastError, status.lastErrorAt) = (nil, nil)
        status.refreshesSucceeded += 1
        current.publish(new)
        state.publish(status)
        log.notice(
            "token fetched",
            metadata: [
                "upstream": "\(name)", "generation": .stringConvertible(new.generation),
                "expires": "\(new.expiresAt.formatted(.iso8601))",
                "expiry": life.isAssumed ? "assumed: the upstream's lies in the past" : "as the upstream says",
            ])
        for (number, waiter) in waiters where new.generation > waiter.generation { resume(number, new) }
    }

    private func fetchFailed(_ error: AWSError) {
        let now = clock.now()
        schedule.fetchFailed(at: now, random: clock.random())
        status.lastError = "\(error)"
        status.lastErrorAt = now
        status.nextFetchAt = schedule.nextFetch(at: now, isRequested: false)
        status.refreshesFailed += 1
        state.publish(status)
        let rest =
            token.map {
                $0.expiresAt > now
                    ? "the old token is valid until \($0.expiresAt.formatted(.iso8601))" : "the old token has expired"
            } ?? "there is no token yet"
        var metadata: Logger.Metadata = [
            "upstream": "\(name)", "error": "\(error.problem)", "consequence": "\(rest)",
            "attempt": .stringConvertible(schedule.failures),
        ]
        metadata["fix"] = error.hint.map { "\($0)" }
        log.error("token not fetched", metadata: metadata)
    }
}
