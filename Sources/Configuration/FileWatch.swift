/// Decides when files that the configuration names have changed and are to be read again. A pure value: the caller takes the fingerprints, in
/// rounds a second apart, and passes the time in.
///
/// A change counts when it has lasted from one round to the next. A pair of files that is replaced one after the other, or a file that is being
/// written, is thus rarely read half done; if it is, reading fails, and is repeated at the next change.
package struct FileWatch: Sendable {
    /// What to do about the files.
    package enum Event: Sendable, Equatable {
        /// Read the files again, and report what came of it by `finished`.
        case changed
        /// The file is gone. Nothing is read again until it is back, since what it held stays in use.
        case gone(String)
        /// A file that was gone is back.
        case back(String)
        /// What was read after a change has had these problems for `patience`.
        case failing([String])
    }

    /// A failure that did not last this long is no news: somebody was replacing the files.
    package static let patience = Duration.seconds(10)

    /// Of the files when they were last read. nil: unknown, or not to be trusted.
    private var read: [String: FileFingerprint?]
    private var previous: [String: FileFingerprint?] = [:]
    private var gone: Set<String> = []
    private var failure: (problems: [String], since: ContinuousClock.Instant, isReported: Bool)?

    /// - Parameter files: of the configuration in use, as they were when it was read.
    package init(_ files: [NamedFile]) {
        read = Dictionary(
            files.map { ($0.path, $0.fingerprint?.isSettled == true ? $0.fingerprint : nil) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The files to take the fingerprints of.
    package var paths: [String] { Array(read.keys) }

    /// A problem has been reported that lasts.
    package var isFailing: Bool { failure?.isReported ?? false }

    /// A file is gone, so that no change is read.
    package var isWaiting: Bool { !gone.isEmpty }

    /// Takes the fingerprints of a round, nil for a file that is not there.
    package mutating func look(_ found: [String: FileFingerprint?], now: ContinuousClock.Instant) -> [Event] {
        defer { previous = found }
        var events: [Event] = []
        for path in read.keys.sorted() {
            if (found[path] ?? nil) != nil {
                if gone.remove(path) != nil { events.append(.back(path)) }
            } else if previous[path] == .some(nil), gone.insert(path).inserted {
                events.append(.gone(path))
            }
        }
        let isMissing = found.values.contains { $0 == nil }
        if !isMissing, found == previous, found != read {
            read = found
            events.append(.changed)
        } else if let failure, !failure.isReported, now - failure.since >= Self.patience {
            self.failure?.isReported = true
            events.append(.failing(failure.problems))
        }
        return events
    }

    /// Reading the files after `.changed` had these problems. (Without any, the caller goes on with a watch of what was read.)
    package mutating func failed(_ problems: [String], now: ContinuousClock.Instant) {
        guard let failure, failure.problems == problems else {
            // Other problems than before are news again.
            self.failure = (problems, failure?.since ?? now, false)
            return
        }
    }
}
