import Glibc
package import Logging
import Synchronization

/// Writes log lines to a descriptor from its own thread; `append` only copies to memory. Logging never blocks a loop: beyond 1 MiB of backlog, lines are
/// dropped and counted. A busy data plane does not wake the thread for each line.
///
/// Level and format can change while the process runs, so they are here, where every logger finds them, and are read without a lock.
package final class LogSink: Sendable {
    private struct Buffer {
        var bytes: [UInt8] = []
        var dropped = 0
        /// The thread has been told that there are lines, and that there are many.
        var isWoken = false, isHurried = false

        /// - Returns: whether the thread is to be told.
        mutating func append(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
            guard bytes.count + line.count <= LogSink.maxBytes else {
                dropped += 1
                return false
            }
            bytes.append(contentsOf: line)
            let isHurried = bytes.count > LogSink.gatheredBytes
            guard !isWoken || isHurried != self.isHurried else { return false }
            (isWoken, self.isHurried) = (true, isHurried)
            return true
        }
    }

    private let buffer = Mutex(Buffer())
    private let descriptor: Int32
    /// A position in `levels`, and a raw value.
    private let currentLevel: Atomic<Int>, currentFormat: Atomic<UInt8>
    private static let levels = Logger.Level.allCases
    /// `level` is `info` or lower. Apart, since each exchange asks.
    private let writesInfo: Atomic<Bool>
    /// A pipe: holds a byte from when the thread is woken until it reads the buffer.
    private let wakeInput: Int32, wakeOutput: Int32
    private let isWriting = Atomic(false)

    /// Bytes of backlog. Past it lines are dropped and counted: a log that cannot be written must not use up the memory.
    private static let maxBytes = 1 << 20
    /// How long lines are gathered before they are written, in milliseconds.
    private static let gatheringTime: Int32 = 20
    /// Bytes that are written without waiting for more: several busy workers fill the backlog in less than that time.
    private static let gatheredBytes = 256 << 10

    /// - Parameters:
    ///   - format: how lines are to be written, the sink's own too, which says how many lines were dropped.
    ///   - level: lines below it are not to be written.
    package init(descriptor: Int32 = STDERR_FILENO, format: LogFormat = .automatic, level: Logger.Level = .info) {
        self.descriptor = descriptor
        currentLevel = Atomic(Self.position(of: level))
        currentFormat = Atomic(format.rawValue)
        writesInfo = Atomic(level <= .info)
        var ends: [Int32] = [-1, -1]
        // Fails only without descriptors at start, before there is anything to serve.
        guard pipe(&ends) == 0 else { fatalError("pipe failed: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (wakeInput, wakeOutput) = (ends[0], ends[1])
        var thread = pthread_t()
        // The thread lives as long as the process; so does the sink.
        let code = pthread_create(
            &thread, nil,
            { sink in
                guard let sink else { return nil }
                Unmanaged<LogSink>.fromOpaque(sink).takeRetainedValue().writeForever()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        // Fails only without memory at start, before there is anything to serve.
        guard code == 0 else { fatalError("pthread_create failed: \(code)") }
        pthread_detach(thread)
    }

    private static func position(of level: Logger.Level) -> Int { levels.firstIndex(of: level) ?? 0 }

    /// Lines below it are not to be written. A change counts at once, in every thread.
    package var level: Logger.Level {
        get { Self.levels[currentLevel.load(ordering: .relaxed)] }
        set {
            currentLevel.store(Self.position(of: newValue), ordering: .relaxed)
            writesInfo.store(newValue <= .info, ordering: .relaxed)
        }
    }

    /// How lines are to be written. A change counts at once, in every thread.
    package var format: LogFormat {
        get { LogFormat(rawValue: currentFormat.load(ordering: .relaxed)) ?? .json }
        set { currentFormat.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// Whether `level` lets lines of `info` through, which access lines are.
    package var hasAccessLines: Bool { writesInfo.load(ordering: .relaxed) }

    /// Adds a line that has ended. From any thread.
    package func append(_ line: borrowing LogLine) { append(line.bytes) }

    /// Adds whole lines, with their line feeds.
    func append(_ line: UnsafeBufferPointer<UInt8>) {
        guard buffer.withLock({ $0.append(line) }) else { return }
        var one: UInt8 = 1
        _ = write(wakeOutput, &one, 1)
    }

    /// Waits until all lines are written, for at most one second. For the end of the process.
    package func flush() {
        for _ in 0..<100 {
            if buffer.withLock({ $0.bytes.isEmpty }), !isWriting.load(ordering: .acquiring) { return }
            usleep(10_000)
        }
    }

    private func writeForever() {
        var taken: [UInt8] = []
        var clock = LogClock(), line = LogLine()
        while true {
            waitForLines()
            isWriting.store(true, ordering: .releasing)
            let dropped = buffer.withLock { buffer in
                swap(&taken, &buffer.bytes)
                defer { (buffer.dropped, buffer.isWoken, buffer.isHurried) = (0, false, false) }
                return buffer.dropped
            }
            if dropped > 0 {
                line.begin(format, level: "warning", message: "log lines dropped", clock: &clock)
                line.field("count", dropped)
                line.end()
                taken += line.bytes
            }
            writeAll(taken)
            taken.removeAll(keepingCapacity: true)
            isWriting.store(false, ordering: .releasing)
        }
    }

    /// Returns a moment after the first line has come, or when there are many.
    private func waitForLines() {
        var wakes: (UInt64, UInt64) = (0, 0)
        _ = read(wakeInput, &wakes, MemoryLayout.size(ofValue: wakes))
        // The wake for many lines may have come with the first one's, during the last write.
        guard !buffer.withLock({ $0.isHurried }) else { return }
        var hurry = pollfd(fd: wakeInput, events: Int16(POLLIN), revents: 0)
        _ = poll(&hurry, 1, Self.gatheringTime)
    }

    private func writeAll(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                usleep(UInt32(Self.gatheringTime) * 1000)  // another process made the descriptor non-blocking
            } else if errno != EINTR {
                return  // the reader is gone
            }
        }
    }
}
