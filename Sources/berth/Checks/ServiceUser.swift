import Configuration
import Glibc

/// The service of the package has a user and variables of its own. A check by somebody else finds other credentials.
enum ServiceUser {
    private static let file = "/etc/berth/berth.yaml", name = "berth"
    /// The command that checks what the service would use. A test compares it with `deploy/deb/environment`.
    private static let command =
        "sudo systemd-run --pipe --wait --quiet --uid=berth --property=EnvironmentFile=/etc/berth/environment --property=AmbientCapabilities=CAP_NET_BIND_SERVICE berth check"

    /// nil: this is the service's user, or the configuration is not the service's.
    static func warning(of settings: Settings) -> String? {
        guard settings.origin == file, let user = getpwnam(name)?.pointee, user.pw_uid != geteuid() else { return nil }
        return "this user is not the service's, and may have other AWS credentials; to check the service's: \(command)"
    }
}
