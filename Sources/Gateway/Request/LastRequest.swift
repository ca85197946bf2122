import Access
import Telemetry

/// What a connection's last request was found to be: the next one is most often like it. Stays with an idle connection; a few hundred bytes.
/// Confined to its loop.
final class LastRequest {
    /// Whose it was.
    var login = LastLogin()
    /// Where it was counted.
    var usage = LastUsage()

    /// Erases the login's password.
    func forgetLogin() { login = LastLogin() }
}
