import Registry
import Synchronization

/// Brings the directory to what the table says, and the table to what the directory has. All that changes the directory runs on the housekeeper's
/// thread, but for files that are being written.
final class CacheUpkeep: Sendable {
    /// Held for short sections only, never during a call to the disk.
    let table: Mutex<CacheTable>
    private let files: any FileCalls
    private let clock: @Sendable () -> Int
    private let report: @Sendable (CacheEvent) -> Void
    private let watch: DiskWatch
    /// One, so that jobs run one after the other.
    private let housekeeper: DiskThreads
    private let ticker: Ticker?
    /// The housekeeper has not come to the last tick yet.
    private let isTicking = Atomic(false)
    /// Ticks until the directory is tried again, or its free space is looked at.
    private let countdown = Atomic(0)

    /// Ticks, which are seconds.
    private static let retryInterval = 30, spaceInterval = 10

    /// - Parameter tickInterval: milliseconds.
    init(
        _ settings: CacheSettings, files: any FileCalls, watch: DiskWatch, clock: @escaping @Sendable () -> Int, tickInterval: Int,
        report: @escaping @Sendable (CacheEvent) -> Void
    ) {
        (self.files, self.watch, self.clock, self.report) = (files, watch, clock, report)
        table = Mutex(CacheTable(settings))
        let this = Weak()
        housekeeper = DiskThreads(["cache"], watch: watch)
        ticker = Ticker(named: "cache-clock", interval: tickInterval) { this.upkeep.withLock { $0.value }?.beat() }
        this.upkeep.withLock { $0.value = self }
    }

    /// The thread does not keep its owner alive.
    private final class Weak: Sendable {
        struct Reference { weak var value: CacheUpkeep? }
        let upkeep = Mutex(Reference())
    }

    /// Runs a job after those that have come, on the housekeeper's thread.
    func perform(_ job: @escaping @Sendable (CacheUpkeep) -> Void) { housekeeper.perform { job(self) } }

    /// Writes down what is pending, after the jobs that have come. Returns when that is done, or when the disk does not answer.
    func settle() async { _ = await housekeeper.run { self.work() } }

    /// Whether there are the threads that it needs.
    var hasThreads: Bool { housekeeper.count > 0 && ticker != nil }

    /// Changes the table and lets the disk know. Takes a short lock.
    func change<Result: Sendable>(_ change: (inout CacheTable, _ now: Int) -> Result) -> Result {
        let now = clock()
        let (result, isToSchedule) = table.withLock { table in (change(&table, now), table.pending.schedule()) }
        if isToSchedule { perform { $0.work() } }
        return result
    }

    // MARK: On the housekeeper's thread

    /// Opens the directory and reads what is there.
    func start() {
        let settings = table.withLock { table in table.state == .stopped ? nil : table.settings }
        guard let settings else { return }
        do throws(CacheDirectory.Failure) {
            let directory = try CacheDirectory(path: settings.directory, files: files)
            do throws(FileError) {
                try read(directory)
            } catch {
                directory.release()
                throw .failed(error)
            }
        } catch {
            countdown.store(error == .locked ? 1 : Self.retryInterval, ordering: .relaxed)
            enter(Self.state(after: error))
        }
    }

    private func read(_ directory: CacheDirectory) throws(FileError) {
        let log = TagLog(in: directory)
        let found = try DirectoryScan(directory: directory).contents()
        let tags = try log.load()
        let space = try directory.space()
        let hasRoom = change { table, now in
            table.begin(in: directory, log, found, tags, at: now)
            return table.shrink(to: space)
        }
        work()
        countdown.store(Self.spaceInterval, ordering: .relaxed)
        guard hasRoom else { return failed(reason: Self.noRoom, in: directory) }
        let status = table.withLock { table in
            if table.state != .stopped { table.state = .on }
            return CacheStatus(table, oldest: 0)
        }
        if status.state == .on { report(.on(entries: status.entries, bytes: status.bytes)) }
    }

    private static let noRoom =
        "less than a twentieth of the directory's file system is free, and the cache has nothing to remove; free space on it"

    private func enter(_ state: CacheState) {
        let isNew = table.withLock { table in
            guard table.state != .stopped, table.state != state else { return false }
            table.state = state
            return true
        }
        guard isNew else { return }
        switch state {
        case .waiting: report(.waiting)
        case .off(let reason): report(.off(reason: reason))
        default: break
        }
    }

    /// Once a second.
    func tick() {
        guard countdown.subtract(1, ordering: .relaxed).newValue <= 0 else { return }
        switch table.withLock({ $0.state }) {
        case .on: checkSpace()
        case .waiting, .off: if !watch.isHung { start() }
        case .starting, .stopped: break
        }
    }

    /// Removes contents while too little of the file system is free.
    func checkSpace() {
        countdown.store(Self.spaceInterval, ordering: .relaxed)
        guard let directory = table.withLock({ $0.directory }) else { return }
        do throws(FileError) {
            let space = try directory.space()
            let hasRoom = change { table, _ in table.shrink(to: space) }
            work()
            if !hasRoom { failed(reason: Self.noRoom, in: directory) }
        } catch {
            failed(error, in: directory)
        }
    }

    /// Writes down what the table has decided.
    func work() {
        let (work, directory, log) = table.withLock { ($0.pending.take(), $0.directory, $0.tagLog) }
        guard let directory, let log else { return }
        do throws(FileError) {
            for digest in work.doomed where table.withLock({ $0.index[digest] == nil }) { try directory.remove(digest) }
            for digest in work.sidecars {
                guard let entry = table.withLock({ $0.index[digest] }) else { continue }
                try unlessGone { () throws(FileError) in try directory.write(Sidecar(entry), of: digest) }
            }
            for digest in work.touches where table.withLock({ $0.index[digest] != nil }) {
                try unlessGone { () throws(FileError) in try directory.touch(digest) }
            }
            for changed in work.tags {
                let (known, count) = table.withLock { ($0.tags[changed.source, changed.tag], $0.tags.count) }
                try log.append(changed.tag, in: changed.source, known, count: count) { table.withLock { $0.tags.rows } }
            }
        } catch {
            failed(error, in: directory)
        }
    }

    /// Somebody may have removed a file. Its next reader will notice.
    private func unlessGone(_ call: () throws(FileError) -> Void) throws(FileError) {
        do throws(FileError) { try call() } catch  where error.isMissing || error.isOfOneFile {}
    }

    /// Gives the file of a fill its name.
    func commit(_ content: CachedContent, size: Int, partial: String, in directory: CacheDirectory) {
        let sidecar = table.withLock { table in table.directory === directory ? table.sidecar(of: content, size: size) : nil }
        guard let sidecar else { return directory.removePartial(partial) }
        do throws(FileError) {
            try directory.commit(partial, as: content.digest, sidecar)
            change { table, now in table.commit(content, sidecar, at: now) }
            let space = try directory.space()
            _ = change { table, _ in table.shrink(to: space) }
        } catch {
            directory.removePartial(partial)
            _ = change { table, _ in table.endFill(content) }
            if !error.isOfOneFile { failed(error, in: directory) }
        }
    }

    // MARK: From any thread

    /// Turns the cache off, until it is tried again.
    func failed(_ error: FileError, in directory: CacheDirectory) { failed(reason: error.reason, in: directory) }

    private func failed(reason: String, in directory: CacheDirectory) {
        let ended: [CachedContent]? = table.withLock { table in
            // A failure of before does not count.
            guard table.directory === directory, table.state != .stopped else { return nil }
            return table.turnOff(reason: reason)
        }
        guard let ended else { return }
        for content in ended { content.end(.broken) }
        countdown.store(Self.retryInterval, ordering: .relaxed)
        perform { _ in directory.release() }
        report(.off(reason: reason))
    }

    /// Turns the cache off for want of something else than the directory. Whoever waits for the disk goes on without it, also after `stop`.
    func giveUp(reason: String) {
        let (ended, directory, isNew) = table.withLock { table in
            let directory = table.directory, isNew = table.state != .stopped && table.state != .off(reason: reason)
            return (table.state == .stopped ? table.growing.contents : table.turnOff(reason: reason), directory, isNew)
        }
        for content in ended { content.end(.broken) }
        countdown.store(Self.retryInterval, ordering: .relaxed)
        perform { _ in directory?.release() }
        if isNew { report(.off(reason: reason)) }
        watch.letGo()
    }

    /// Once a second, on a thread that does not wait for the disk.
    private func beat() {
        look()
        guard !isTicking.exchange(true, ordering: .relaxed) else { return }
        perform { upkeep in
            upkeep.isTicking.store(false, ordering: .relaxed)
            upkeep.tick()
        }
    }

    /// Turns the cache off when the disk does not answer.
    func look() {
        guard let call = watch.look() else { return }
        giveUp(reason: "\(call): no answer for \(DiskWatch.patience) s; look at the disk, or the server, of the directory")
    }

    /// Writes down what is pending, and gives the directory up.
    func stop() {
        table.withLock { $0.state = .stopped }
        perform { upkeep in
            upkeep.work()
            let directory = upkeep.table.withLock { table in
                defer { table.directory = nil }
                return table.directory
            }
            directory?.release()
        }
    }

    private static func state(after failure: CacheDirectory.Failure) -> CacheState {
        switch failure {
        case .locked: .waiting
        case .refused(let reason): .off(reason: reason)
        case .failed(let error): .off(reason: error.reason)
        }
    }
}
