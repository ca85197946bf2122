package import FoundationEssentials
package import Logging
package import Transport

/// Keeps one identity's authorization token fresh, and tells workers by a published snapshot. On the control loop. It goes on until `stop()`,
/// or until nobody holds it: the upstreams that a reload took away take their keeper along, after their last exchange.
package actor TokenKeeper {
    /// For /readyz, metrics and `berth check`.
    package struct State: Sendable {
        /// Nil before the first token.
        package var fetchedAt: Date?
        package var expiresAt: Date?
        /// Of the last fetch, when that failed.
        package var lastError: String?
        package var lastErrorAt: Date?
        package var refreshesSucceeded = 0
        package var refreshesFailed = 0

        package init() {}

        /// There is a token, and as far as is known it lives.
        package func isReady(at now: Date) -> Bool { expiresAt.map { $0 > now } ?? false }
    }

    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// For people: the identity, `123456789012.dkr.ecr.eu-west-1.amazonaws.com` or an upstream's name.
    package nonisolated let name: String
    /// What workers put on requests; nil before the first token.
    package nonisolated let current = Published<AuthorizationToken?>(nil)
    package nonisolated let state = Published(State())

    private let fetch: @Sendable () async throws(AWSError) -> FetchedToken
    private let log: Logger
    private let clock: KeeperClock
    private var schedule = RefreshSchedule()
    private var token: AuthorizationToken?
    private var status = State()
    private var isStarted = false
    private var fetching: Task<Void, Never>?
    private var alarm: Task<Void, Never>?
    private var waiters: [Int: Waiter] = [:]
    private var lastWaiter = 0

    private struct Waiter {
        let generation: Int
        let continuation: CheckedContinuation<AuthorizationToken?, Never>
    }

    /// `fetch` is bounded by itself; one at a time is under way.
    package init(
        name: String, loop: EventLoop, log: Logger, clock: KeeperClock = .system,
        fetch: @escaping @Sendable () async throws(AWSError) -> FetchedToken
    ) {
        self.name = name
        self.loop = loop
        self.log = log
        self.clock = clock
        self.fetch = fetch
    }

    deinit { alarm?.cancel() }

    /// Fetches the first token and keeps it fresh from then on. Once more changes nothing.
    package func start() {
        guard !isStarted else { return }
        isStarted = true
        consider()
    }

    /// No fetch begins any more; who waits gets nil.
    package func stop() {
        isStarted = false
        alarm?.cancel()
        fetching?.cancel()
        for number in Array(waiters.keys) { resume(number, nil) }
    }

    /// A token of a later generation than the one that the upstream refused (0: any), or nil when none came in time. Joins the
    /// fetch under way or asks for one; however many ask, there is one.
    package func token(newerThan generation: Int, within limit: Duration) async -> AuthorizationToken? {
        if let token, token.generation > generation { return token }
        guard isStarted, !Task.isCancelled else { return nil }
        lastWaiter += 1
        let number = lastWaiter
        let deadline = Task {
            guard (try? await clock.sleep(limit)) != nil else { return }
            self.resume(number, nil)
        }
        let answer = await withTaskCancellationHandler {
            await wait(number, generation: generation)
        } onCancel: {
            Task { await self.resume(number, nil) }
        }
        deadline.cancel()
        return answer
    }

    /// A fetch on somebody's word (the admin's refresh): the new token, or nil when none came in time.
    package func refresh(within limit: Duration) async -> AuthorizationToken? {
        await token(newerThan: token?.generation ?? 0, within: limit)
    }

    /// A method of its own: in a closure that does not name the actor, `withCheckedContinuation` leaves the loop's thread.
    private func wait(_ number: Int, generation: Int) async -> AuthorizationToken? {
        if Task.isCancelled { return nil }
        return await withCheckedContinuation { continuation in
            // It may have come while this call was on its way.
            if let token, token.generation > generation { return continuation.resume(returning: token) }
            waiters[number] = Waiter(generation: generation, continuation: continuation)
            consider()
        }
    }

    private func resume(_ number: Int, _ token: AuthorizationToken?) {
        waiters.removeValue(forKey: number)?.continuation.resume(returning: token)
    }

    /// Begins a fetch if one is due, else sets the alarm for when it will be.
    private func consider() {
        guard isStarted, fetching == nil else { return }
        alarm?.cancel()
        let now = clock.now()
        let wait = schedule.next(at: now, isWanted: !waiters.isEmpty).timeIntervalSince(now)
        guard wait > 0 else {
            schedule.started(at: now)
            fetching = Task { await self.fetchOnce() }
            return
        }
        // Looked at again now and then: a clock that was set forward makes it due sooner.
        let nap = min(wait, KeeperClock.longestNap)
        alarm = Task { [weak self, clock] in
            guard (try? await clock.sleep(.seconds(nap))) != nil, !Task.isCancelled else { return }
            await self?.consider()
        }
    }

    private func fetchOnce() async {
        do throws(AWSError) {
            took(try await fetch())
        } catch {
            missed(error)
        }
        fetching = nil
        consider()
    }

    private func took(_ fetched: FetchedToken) {
        let life = TokenLife(fetchedAt: clock.now(), reported: fetched.expiresAt)
        let new = AuthorizationToken(generation: (token?.generation ?? 0) + 1, fetched: fetched, life: life)
        schedule.succeeded(life, random: clock.random())
        token = new
        status.fetchedAt = life.fetchedAt
        status.expiresAt = life.expiresAt
        (status.lastError, status.lastErrorAt) = (nil, nil)
        status.refreshesSucceeded += 1
        current.publish(new)
        state.publish(status)
        log.notice(
            "token fetched",
            metadata: [
                "upstream": "\(name)", "generation": .stringConvertible(new.generation),
                "expires": "\(new.expiresAt.formatted(.iso8601))",
                "expiry": life.isGuessed ? "assumed: the upstream's lies in the past" : "as the upstream says",
            ])
        for (number, waiter) in waiters where new.generation > waiter.generation { resume(number, new) }
    }

    private func missed(_ error: AWSError) {
        let now = clock.now()
        schedule.failed(at: now, random: clock.random())
        status.lastError = "\(error)"
        status.lastErrorAt = now
        status.refreshesFailed += 1
        state.publish(status)
        let left = token.map { Int($0.expiresAt.timeIntervalSince(now)) }
        let rest =
            left.map { $0 > 0 ? "the old token serves for \($0) s more" : "the old token is over" } ?? "there is no token yet"
        log.error(
            "token not fetched",
            metadata: [
                "upstream": "\(name)", "error": "\(error)", "consequence": "\(rest)",
                "attempt": .stringConvertible(schedule.failures),
            ])
    }
}
