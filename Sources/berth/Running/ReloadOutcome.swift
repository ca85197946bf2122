import FoundationEssentials

/// What a reload came to.
struct ReloadOutcome: Sendable {
    /// What asked for it.
    enum Cause: String {
        /// SIGHUP.
        case signal
        /// `POST /api/v1/reload`.
        case api
        /// A file that the configuration names has changed.
        case file
    }

    let at: Date
    let cause: Cause
    /// As `SettingsChanges.summary`; empty: nothing.
    var changes = ""
    /// Why nothing was applied, a line each; empty: all was applied.
    var problems: [String] = []
}
