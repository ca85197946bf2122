package import FoundationEssentials
package import Logging
package import Transport

/// Holds the credentials of one identity and renews them before they end: one search at a time, however many ask.
package actor CredentialKeeper {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Where the credentials in use came from; nil before any were found.
    package nonisolated let foundIn = Published<String?>(nil)
    /// Where the last search looked before for nothing, each with the reason.
    package nonisolated let passedOver = Published<[String]>([])

    private let source: any CredentialSource
    private let log: Logger
    private let now: @Sendable () -> Date
    private var current: Credentials?
    private var window = CredentialWindow()
    private var search: Task<Result<Credentials, CredentialError>, Never>?

    package init(loop: EventLoop, source: any CredentialSource, log: Logger, now: @escaping @Sendable () -> Date = { Date() }) {
        self.loop = loop
        self.source = source
        self.log = log
        self.now = now
    }

    /// Credentials with life left. When a renewal fails the old ones are given on: whether they are dead is AWS's word, and the
    /// metadata service is known to hand out late ones (static stability, ECR 4.6).
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

    /// AWS refused these: the next to ask starts a search. Newer ones stay.
    package func discard(_ refused: Credentials) {
        if let current, current.sameKeys(as: refused) { self.current = nil }
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
            passedOver.publish(passed)
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
            window.found(found, at: now())
            return .success(found)
        } catch {
            window.failed(at: now())
            if current != nil { log.warning("credentials not renewed, the old ones stay in use", metadata: ["error": "\(error)"]) }
            return .failure(error)
        }
    }
}
