package import FoundationEssentials
package import Logging
package import Transport

/// Keeps the credentials of one identity and renews them before they expire. There is one search at a time, however many callers wait.
package actor CredentialKeeper {
    /// The control loop.
    package nonisolated let loop: EventLoop
    /// Runs the actor on `loop`.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// The origin of the credentials in use; nil before any were found.
    package nonisolated let foundIn = Published<String?>(nil)
    /// How long the credentials in use are valid, and the error of the last search; nil: without an end, and none.
    package nonisolated let condition = Published<(expiresAt: Date?, problem: String?)>((nil, nil))
    /// The sources that the last search skipped, each with the reason.
    package nonisolated let skippedSources = Published<[String]>([])

    private let source: any CredentialSource
    private let log: Logger
    private let now: @Sendable () -> Date
    private var current: Credentials?
    private var window = CredentialWindow()
    private var search: Task<Result<Credentials, CredentialError>, Never>?

    /// - Parameter now: this machine's clock.
    package init(loop: EventLoop, source: any CredentialSource, log: Logger, now: @escaping @Sendable () -> Date = { Date() }) {
        self.loop = loop
        self.source = source
        self.log = log
        self.now = now
    }

    /// The credentials, renewed when they are about to expire. After a failed renewal the old ones stay in use even past their expiry: AWS
    /// decides whether they are valid, and the metadata service is known to give out credentials past their expiry (static stability, ECR 4.6).
    /// - Throws: when there are none at all.
    package func credentials() async throws(CredentialError) -> Credentials {
        guard let current else { return try await renewed().get() }
        switch window.need(at: now(), for: current) {
        case .none: return current
        case .advisory:
            startSearch()
            return current
        case .mandatory:
            guard case .success(let renewed) = await renewed() else { return current }
            return renewed
        }
    }

    /// Drops credentials that AWS rejected, so that the next caller starts a search. Does nothing when newer ones are in use.
    package func discard(_ rejected: Credentials) {
        if let current, current.sameKeys(as: rejected) { self.current = nil }
    }

    private func renewed() async -> Result<Credentials, CredentialError> { await startSearch().value }

    @discardableResult
    private func startSearch() -> Task<Result<Credentials, CredentialError>, Never> {
        if let search { return search }
        let search = Task { await self.searchOnce() }
        self.search = search
        return search
    }

    private func searchOnce() async -> Result<Credentials, CredentialError> {
        defer { search = nil }
        do throws(CredentialError) {
            let found: Credentials
            let (lookup, passed) = try await source.search()
            skippedSources.publish(passed)
            switch lookup {
            case .found(let credentials):
                if let flaw = credentials.flaw {
                    throw CredentialError(source: source.name, message: "\(credentials.source): \(flaw)")
                }
                found = credentials
            case .absent(let reasons):
                throw CredentialError(source: source.name, message: "none found: \(reasons)", isAbsence: true)
            }
            if current?.sameKeys(as: found) != true { log.notice("credentials found", metadata: ["source": "\(found.source)"]) }
            if foundIn.current != found.source { foundIn.publish(found.source) }
            current = found
            condition.publish((found.expiration, nil))
            window.found(found, at: now())
            return .success(found)
        } catch {
            window.failed(at: now())
            condition.publish((current?.expiration, "\(error)"))
            if current != nil { log.warning("credentials not renewed, the old ones stay in use", metadata: ["error": "\(error)"]) }
            return .failure(error)
        }
    }
}
