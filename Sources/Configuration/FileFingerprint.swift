import Glibc

/// What tells that a file's content may be another one than before: cheap enough to be taken every second. Symbolic links are followed, so that
/// a link that leads elsewhere now, as with certbot and Kubernetes' secrets, is a change too.
package struct FileFingerprint: Sendable, Equatable {
    private let device: UInt, inode: UInt, size: Int
    private let modified: Int, changed: Int
    /// The file had not been written for a moment. Otherwise it may be written again within the resolution of its times, and look the same.
    let isSettled: Bool

    /// Nanoseconds. The kernel's file times have a resolution of 1 to 10 ms; of some network file systems it is a second.
    private static let settlingTime = 1_000_000_000

    /// nil: there is no such file, or it cannot be reached.
    package init?(of path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        (device, inode, size) = (UInt(found.st_dev), UInt(found.st_ino), Int(found.st_size))
        (modified, changed) = (Self.nanoseconds(found.st_mtim), Self.nanoseconds(found.st_ctim))
        isSettled = abs(Self.nanoseconds(now) - changed) > Self.settlingTime
    }

    private static func nanoseconds(_ time: timespec) -> Int { time.tv_sec * 1_000_000_000 + time.tv_nsec }

    /// Whether both are of the same file, unchanged in between.
    package static func == (a: FileFingerprint, b: FileFingerprint) -> Bool {
        (a.device, a.inode, a.size, a.modified, a.changed) == (b.device, b.inode, b.size, b.modified, b.changed)
    }
}
