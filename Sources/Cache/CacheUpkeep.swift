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
    private let ticker = Ticker()
    /// The housekeeper has not come to the last tick yet.
    private let isTicking = Atomic(false)
    /// Ticks until the directory is tried again, or its free space is looked at.
    private let countdown = Atomic(0)

    /// Ticks, which are seconds.
    private static let retryInterval = 30, spaceInterval = 10

    init(
        _ settings: CacheSettings, files: any FileCalls, watch: DiskWatch, clock: @escaping @Sendable () -> Int,
        report: @escaping @Sendable (CacheEvent) -> Void
    ) {
        (self.files, self.watch, self.clock, self.report) = (files, watch, clock, report)
        table = Mutex(CacheTable(settings))
        housekeeper = DiskThreads(["cache"], watch: watch)
    }

    /// Lets the time go by.
    /// - Parameter tickInterval: milliseconds.
    /// - Returns: false: there are not the threads that it needs.
    func begin(tickInterval: Int) -> Bool {
        housekeeper.count > 0 && ticker.start(named: "cache-clock", interval: tickInterval) { [weak self] in self?.beat() }
    }

    /// Runs a job after those that have come, on the housekeeper's thread.
    func perform(_ job: @escaping @Sendable (CacheUpkeep) -> Void) { housekeeper.perform { job(self) } }

    /// Writes down what is pending, after the jobs that have come. Returns when that is done, or when the disk does not answer.
    func settle() async { _ = await housekeeper.run { self.work(all: true) } }

    /// Changes the table and lets the disk know. Takes a short lock.
    func change<Result: Sendable>(_ change: (inout CacheTable, _ now: Int) -> Result) -> Result {
        let now = clock()
        let (result, isToSchedule) = table.withLock { table in
            // Otherwise it is done when the directory has been read, or can be written again.
            (change(&table, now), table.directory != nil && !table.state.isOff && table.pending.schedule())
        }
        if isToSchedule { perform { $0.work() } }
        return result
    }

    // MARK: On the housekeeper's thread

    private var writer: DiskWriter { DiskWriter(upkeep: self) }

    /// Opens the directory and reads what is there.
    func start() {
        guard let settings = table.withLock({ $0.state == .stopped ? nil : $0.settings }) else { return }
        countdown.store(Self.retryInterval, ordering: .relaxed)
        do throws(FileError) {
            switch try CacheDirectory.open(path: settings.directory, files: files) {
            // If it cannot be read, the lock goes with it.
            case .directory(let directory): try read(directory)
            case .locked:
                countdown.store(1, ordering: .relaxed)
                enter(.waiting)
            case .refused(let reason): enter(.off(reason: reason))
            }
        } catch {
            enter(.off(reason: error.reason))
        }
    }

    private func read(_ directory: CacheDirectory) throws(FileError) {
        let goesOn = { self.table.withLock { $0.state != .stopped } }
        guard var found = try FoundDirectory.read(directory, at: clock(), while: goesOn) else { return }
        table.withLock { $0.begin(&found) }
        do throws(FileError) {
            try turnOn(directory)
        } catch {
            failed(error, in: directory)
        }
    }

    private func turnOn(_ directory: CacheDirectory) throws(FileError) {
        guard try writer.makeRoom(in: directory) else { return failed(reason: Self.noRoom, in: directory, keeps: true) }
        countdown.store(Self.spaceInterval, ordering: .relaxed)
        let held: (entries: Int, bytes: Int)? = table.withLock { table in
            guard table.state != .stopped, table.directory === directory else { return nil }
            table.state = .on
            return (table.index.count, table.index.heldBytes)
        }
        if let held { report(.on(entries: held.entries, bytes: held.bytes)) }
    }

    private static let noRoom =
        "less than a twentieth of the directory's file system is free, and the cache has nothing to remove; free space on it"

    private func enter(_ state: CacheState) {
        let isNew = table.withLock { table in
            guard table.state != .stopped, table.state != state else { return false }
            defer { table.state = state }
            return !table.state.isOff || !state.isOff
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
        let (state, directory) = table.withLock { ($0.state, $0.directory) }
        // What could not be done for a moment.
        if state == .on { work(all: true) }
        guard countdown.subtract(1, ordering: .relaxed).newValue <= 0 else { return }
        switch state {
        case .on: checkSpace()
        case .waiting, .off: if !watch.isHung { retry(directory) }
        case .starting, .stopped: break
        }
    }

    private func checkSpace() {
        countdown.store(Self.spaceInterval, ordering: .relaxed)
        guard let directory = table.withLock({ $0.directory }) else { return }
        do throws(FileError) {
            if try !writer.makeRoom(in: directory) { failed(reason: Self.noRoom, in: directory, keeps: true) }
        } catch {
            failed(error, in: directory)
        }
    }

    /// Goes on where the disk had failed, if it can be written again.
    private func retry(_ directory: CacheDirectory?) {
        guard let directory else { return start() }
        countdown.store(Self.retryInterval, ordering: .relaxed)
        do throws(FileError) {
            if try directory.tryToWrite() { return try turnOn(directory) }
            leave(table.withLock { $0.reset(to: $0.state) })
            start()
        } catch {
            if error.isFull { try? writer.write() }  // Which removes files.
            failed(error, in: directory)
        }
    }

    /// Writes down what the table has decided. While the disk fails, that waits.
    /// - Parameter all: also what is written down once a second.
    func work(all: Bool = false) {
        guard let directory = table.withLock({ $0.state.isOff ? nil : $0.directory }) else { return }
        do throws(FileError) {
            try writer.write(all: all)
        } catch {
            failed(error, in: directory)
        }
    }

    /// Gives the file of a fill its name.
    func commit(_ content: CachedContent, size: Int, partial: String, in directory: CacheDirectory) {
        do throws(FileError) {
            try writer.commit(content, size: size, partial: partial, in: directory, at: clock())
        } catch {
            if !error.isOfOneFile { failed(error, in: directory) }
        }
    }

    // MARK: From any thread

    /// Turns the cache off, until it is tried again. A fill that only lacks a descriptor or memory ends by itself.
    func failed(_ error: FileError, in directory: CacheDirectory) {
        if error.isShortage, table.withLock({ $0.state == .on }) { return }
        failed(reason: error.reason, in: directory, keeps: error.leavesReading, isFull: error.isFull)
    }

    /// - Parameters:
    ///   - keeps: what is held can be read, and is. Otherwise it is read anew when the directory can be used again.
    ///   - isFull: with less in it, it may be written at once.
    func failed(reason: String, in directory: CacheDirectory, keeps: Bool, isFull: Bool = false) {
        let failure: (isNew: Bool, ended: [CachedContent], former: CacheTable?)? = table.withLock { table in
            // A failure of before does not count.
            guard table.directory === directory, table.state != .stopped else { return nil }
            let isNew = !table.state.isOff
            if isNew { countdown.store(isFull ? 1 : Self.retryInterval, ordering: .relaxed) }
            if keeps { return (isNew, table.turnOff(reason: reason, isFull: isFull), nil) }
            return (isNew, [], table.reset(to: .off(reason: reason)))
        }
        guard let failure else { return }
        if failure.isNew { report(.off(reason: reason)) }
        for content in failure.ended { content.end(.broken) }
        if let former = failure.former { leave(former) }
    }

    /// Turns the cache off for want of something else than the directory. Whoever waits for the disk goes on without it, also after `stop`.
    func giveUp(reason: String) {
        countdown.store(Self.retryInterval, ordering: .relaxed)
        let (isNew, former) = table.withLock { table in
            let isNew = !table.state.isOff && table.state != .stopped
            return (isNew, table.reset(to: .off(reason: reason)))
        }
        leave(former)
        if isNew { report(.off(reason: reason)) }
        watch.letGo()
    }

    /// Ends what was in progress, and gives the directory up.
    /// - Parameter former: the table before its reset.
    private func leave(_ former: CacheTable) {
        for content in former.growing.contents { content.end(.broken) }
        if let directory = former.directory { perform { _ in directory.release() } }
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
            upkeep.work(all: true)
            let directory = upkeep.table.withLock { table in
                defer { table.directory = nil }
                return table.directory
            }
            directory?.release()
        }
    }
}
