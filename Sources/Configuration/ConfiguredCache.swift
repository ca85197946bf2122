/// What is kept of the registries' content on a disk, and how long it counts.
package struct ConfiguredCache: Sendable, Equatable {
    /// Absolute. Berth makes it if it does not exist.
    package var directory: String
    /// Bytes on the disk; evictions keep it below them.
    package var size = 10 << 30
    /// As a configuration file has it: `50GiB`.
    package var sizeAsConfigured: String { Units.text(bytes: size) }
    /// How long an upstream's word counts: that a repository has a digest, and, while no registry answers, what a tag was.
    package var stale = Duration.seconds(24 * 3600)

    /// The defaults are those of the configuration file.
    package init(directory: String, size: Int = 10 << 30, stale: Duration = .seconds(24 * 3600)) {
        (self.directory, self.size, self.stale) = (directory, size, stale)
    }

    /// Reads `cache`; nil: there is none, or it has no directory.
    static func read(from root: Section) -> ConfiguredCache? {
        let section = root.section(
            "cache",
            "keeps blobs and manifests on a disk of this machine: a pull of what is held moves no byte from AWS, and works while AWS is away. Absent: nothing is kept"
        )
        guard let section else { return nil }
        defer { section.finish() }
        let allowed = "an absolute path of Berth's own, like /var/cache/berth"
        let path = section.required(
            "directory", allowed,
            "an absolute path, made if it does not exist; for one Berth alone, and for nothing else. If it cannot be used, Berth serves without a cache and tries again every 30 s"
        )
        if let path, let problem = problem(with: path) {
            section.problem("directory", "\(section.quoted("directory")) \(problem); write \(allowed)")
        }
        var settings = ConfiguredCache(directory: path.map(withoutSlash) ?? "")
        settings.size = section.size(
            "size", default: settings.size, in: minBytes...maxBytes,
            "bytes on the disk at most; the least recently used goes first. It goes also while the file system has less than 5% free"
        )
        settings.stale = section.duration(
            "stale", default: settings.stale, in: .zero ... .seconds(720 * 3600),
            "how long a registry's word counts that a repository has a blob or an image, and how long the last known image of a tag is served while no registry answers. `0s`: each pull asks, and none works while the registry is away"
        )
        return path == nil ? nil : settings
    }

    /// Room for a few layers: with less, each pull would evict what the one before has brought.
    private static let minBytes = 16 << 20
    /// 1 PiB: above every disk, and far below what overflows.
    private static let maxBytes = 1 << 50

    private static func problem(with path: String) -> String? {
        if !path.hasPrefix("/") { return "is not absolute" }
        if withoutSlash(path).isEmpty { return "is the root of the file system" }
        let steps = path.split(separator: "/")
        return steps.contains("..") || steps.contains(".") ? "has steps like . and .." : nil
    }

    /// The same directory, written in one way.
    private static func withoutSlash(_ path: String) -> String {
        var path = path[...]
        while path.last == "/" { path.removeLast() }
        return String(path)
    }
}
