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
        var isWoken = false
    }

    private let buffer = Mutex(Buffer())
    private let descriptor: Int32
    /// Positions in `levels` and `formats`.
    private let currentLevel: Atomic<Int>, currentFormat: Atomic<Int>
    private static let levels = Logger.Level.allCases, formats = LogFormat.allCases
    /// `level` is `info` or lower. Apart, since each exchange asks.
    private let writesInfo: Atomic<Bool>
    /// A pipe: holds one byte from when the thread is woken until it reads the buffer.
    private let wakeInput: Int32, wakeOutput: Int32
    private let isWriting = Atomic(false)

    /// Bytes of backlog. Past it lines are dropped and counted: a log that cannot be written must not use up the memory.
    private static let maxBytes = 1 << 20
    /// How long lines are gathered before they are written, in microseconds.
    private static let gatheringTime: UInt32 = 20_000

    /// - Parameters:
    ///   - format: how lines are to be written, the sink's own too, which says how many lines were dropped.
    ///   - level: lines below it are not to be written.
    package init(descriptor: Int32 = STDERR_FILENO, format: LogFormat = .automatic, level: Logger.Level = .info) {
        self.descriptor = descriptor
        currentLevel = Atomic(Self.position(of: level, in: Self.levels))
        currentFormat = Atomic(Self.position(of: format, in: Self.formats))
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

    private static func position<Value: Equatable>(of value: Value, in all: [Value]) -> Int { all.firstIndex(of: value) ?? 0 }

    /// Lines below it are not to be written. A change counts at once, in every thread.
    package var level: Logger.Level {
        get { Self.levels[currentLevel.load(ordering: .relaxed)] }
        set {
            currentLevel.store(Self.position(of: newValue, in: Self.levels), ordering: .relaxed)
            writesInfo.store(newValue <= .info, ordering: .relaxed)
        }
    }

    /// How lines are to be written. A change counts at once, in every thread.
    package var format: LogFormat {
        get { Self.formats[currentFormat.load(ordering: .relaxed)] }
        set { currentFormat.store(Self.position(of: newValue, in: Self.formats), ordering: .relaxed) }
    }

    /// Whether `level` lets lines of `info` through, which access lines are.
    package var hasAccessLines: Bool { writesInfo.load(ordering: .relaxed) }

    /// Adds a whole line, with its line feed. From any thread.
    package func append(_ line: [UInt8]) {
        let mustWake = buffer.withLock { buffer in
            guard buffer.bytes.count + line.count <= Self.maxBytes else {
                buffer.dropped += 1
                return false
            }
            buffer.bytes += line
            defer { buffer.isWoken = true }
            return !buffer.isWoken
        }
        if mustWake {
            var one: UInt8 = 1
            _ = write(wakeOutput, &one, 1)
        }
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
        var clock = LogClock()
        while true {
            var woken: UInt8 = 0
            _ = read(wakeInput, &woken, 1)
            usleep(Self.gatheringTime)
            isWriting.store(true, ordering: .releasing)
            let dropped = buffer.withLock { buffer in
                swap(&taken, &buffer.bytes)
                defer { (buffer.dropped, buffer.isWoken) = (0, false) }
                return buffer.dropped
            }
            if dropped > 0 {
                var line = LogLine(format, level: "warning", message: "log lines dropped".utf8, clock: &clock)
                line.field("count", dropped)
                taken += line.finished()
            }
            writeAll(taken)
            taken.removeAll(keepingCapacity: true)
            isWriting.store(false, ordering: .releasing)
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                usleep(Self.gatheringTime)  // another process made the descriptor non-blocking
            } else if errno != EINTR {
                return  // the reader is gone
            }
        }
    }
}
