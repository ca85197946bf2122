import Configuration
import Glibc

/// Checks that the cache's directory can be used, and that the file system has room for its size. Changes nothing: a running Berth may use the
/// directory meanwhile.
struct CacheCheck: Sendable {
    let settings: ConfiguredCache
    /// The Berth of this configuration runs.
    let isRunning: Bool

    typealias Step = CheckReport.Step

    /// Not on a loop: a disk may be slow.
    @concurrent func run() async -> [Step] {
        let directory = directory()
        return directory.outcome == .failed ? [directory] : [directory, size()]
    }

    // MARK: The directory

    private var path: String { settings.directory }

    private func directory() -> Step {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT ? missing() : failed("\(path) cannot be read: \(Self.reason(errno))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return failed("\(path) is no directory; name one of Berth's own") }
        guard let names = Self.names(in: path) else {
            return failed("\(path) cannot be read: \(Self.reason(errno)); \(Self.owner)")
        }
        if !names.contains("version"), let foreign = names.sorted().first(where: { !Self.harmless.contains($0) }) {
            return failed("\(path) contains \(foreign) and is no cache of Berth; name an empty directory")
        }
        if let problem = problemOfWriting() { return failed("\(path) cannot be written: \(problem)") }
        guard isLocked else { return ok("\(path) can be written") }
        guard !isRunning else { return ok("\(path) can be written, and is in use by the running berth") }
        return Step(
            step: "directory", outcome: .warning,
            detail:
                "\(path) can be written, but another process uses it: this Berth would serve without a cache until that ends; name a directory of its own",
            facts: ["directory": path, "error": "in_use"])
    }

    /// What the directory of a cache that has never run may have.
    private static let harmless: Set<String> = ["lost+found", "lock", "version.new"]
    private static let owner = "give it to Berth's user, with chown"

    private func missing() -> Step {
        guard access(parent, F_OK) == 0 else { return failed("\(path) cannot be made, since \(parent) does not exist; make that") }
        guard faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) == 0 else {
            return failed("\(path) does not exist, and this user may not make it in \(parent); make it, and \(Self.owner)")
        }
        return ok("\(path) does not exist; it is made at the start")
    }

    private var parent: String { "/" + path.split(separator: "/").dropLast().joined(separator: "/") }

    /// Tries the lock that the cache takes, and gives it up at once: a Berth that wants it meanwhile tries again each second.
    private var isLocked: Bool {
        let file = open("\(path)/lock", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return false }
        defer { close(file) }
        return flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// By a file without a name, which a running Berth does not see.
    private func problemOfWriting() -> String? {
        let file = open(path, Self.temporaryFile | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            // Some network file systems have no such files.
            guard errno != EOPNOTSUPP else {
                return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 ? nil : "\(Self.reason(errno)); \(Self.owner)"
            }
            return errno == EROFS ? "\(Self.reason(errno)); mount it for writing" : "\(Self.reason(errno)); \(Self.owner)"
        }
        defer { close(file) }
        return write(file, "berth", 5) == 5 ? nil : "\(Self.reason(errno)); make room on its disk"
    }

    /// O_TMPFILE, whose macro Swift cannot import.
    private static let temporaryFile = 0o20000000 | O_DIRECTORY

    private func ok(_ detail: String) -> Step {
        Step(step: "directory", outcome: .ok, detail: detail, facts: ["directory": path])
    }

    private func failed(_ detail: String) -> Step {
        Step(step: "directory", outcome: .failed, detail: detail, facts: ["directory": path])
    }

    // MARK: Its size

    /// Of the parent's file system, where the directory is still to be made.
    private func size() -> Step {
        var space = statvfs()
        guard statvfs(access(path, F_OK) == 0 ? path : parent, &space) == 0 else {
            return Step(
                step: "size", outcome: .warning,
                detail: "the file system does not say how much is free: \(Self.reason(errno))", facts: ["size": "\(settings.size)"])
        }
        let block = Int(space.f_frsize), total = Int(space.f_blocks) * block, free = Int(space.f_bavail) * block
        let (files, held) = held()
        // The cache removes what it holds while less than this part is free.
        let room = max(0, held + free - total / 20)
        let contents = files == 0 ? "" : "; it holds \(files == 1 ? "1 entry" : "\(files) entries") of \(Self.text(held))"
        let facts = [
            "size": "\(settings.size)", "held": "\(held)", "files": "\(files)", "total": "\(total)", "free": "\(free)",
        ]
        guard settings.size > room else {
            return Step(
                step: "size", outcome: .ok, detail: "\(Self.text(settings.size)) fits; \(Self.text(free)) is free\(contents)",
                facts: facts)
        }
        return Step(
            step: "size", outcome: .warning,
            detail:
                "\(Self.text(settings.size)) does not fit: the cache will use at most \(Self.text(room)), to leave 5% of \(Self.text(total)) free; lower cache.size, or take a larger disk\(contents)",
            facts: facts)
    }

    /// Files of contents, and their bytes.
    private func held() -> (files: Int, bytes: Int) {
        var files = 0, bytes = 0
        for algorithm in ["sha256", "sha512"] {
            for folder in Self.names(in: "\(path)/\(algorithm)") ?? [] {
                for name in Self.names(in: "\(path)/\(algorithm)/\(folder)") ?? [] where !name.hasSuffix(".info") {
                    var status = stat()
                    guard lstat("\(path)/\(algorithm)/\(folder)/\(name)", &status) == 0 else { continue }
                    files += 1
                    bytes += Int(status.st_blocks) * 512
                }
            }
        }
        return (files, bytes)
    }

    /// `1.5 GiB`
    private static func text(_ bytes: Int) -> String {
        let (tib, gib, mib) = (Double(bytes) / Double(1 << 40), Double(bytes) / Double(1 << 30), Double(bytes) / Double(1 << 20))
        if tib >= 1 { return "\(withOneDecimal(tib)) TiB" }
        return gib >= 1 ? "\(withOneDecimal(gib)) GiB" : "\(withOneDecimal(mib)) MiB"
    }

    private static func names(in directory: String) -> [String]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
