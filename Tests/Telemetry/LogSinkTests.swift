import Glibc
import Logging
import Testing

@testable import Telemetry

struct LogSinkTests {
    @Test func `lines are written whole and in order, all of them before flush returns`() {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text)
        for number in 0..<1000 { sink.append("line \(number)\n") }
        sink.flush()
        #expect(pipe.tryRead() == (0..<1000).map { "line \($0)\n" }.joined())
    }

    @Test func `logging never blocks: beyond the backlog's bound lines are dropped, and their count is logged`() async throws {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text)
        let line = String(repeating: "x", count: 1023) + "\n"
        let start = ContinuousClock.now
        for _ in 0..<4096 { sink.append(line) }
        sink.flush()
        #expect(ContinuousClock.now - start < .seconds(60), "append and flush must not wait for the reader")

        // The sink may write while lines are still appended, and count what it drops twice.
        var (text, lines, kept, notices, dropped) = ("", [Substring](), 0, [Substring](), 0)
        while kept + dropped < 4096, ContinuousClock.now - start < .seconds(120) {
            try await Task.sleep(for: .milliseconds(5))
            text += pipe.tryRead()
            guard text.hasSuffix("\n") else { continue }
            lines = text.split(separator: "\n")
            kept = lines.count { $0.utf8.count == 1023 && $0.utf8.allSatisfy { $0 == UInt8(ascii: "x") } }
            notices = lines.filter { $0.contains(" warning  log lines dropped count=") }
            dropped = notices.compactMap { $0.split(separator: "=").last.flatMap { Int($0) } }.reduce(0, +)
        }
        #expect(kept + notices.count == lines.count)
        #expect(dropped > 0 && kept >= 1024)
        #expect(kept + dropped == 4096)
    }

    @Test func `every line is written to a non-blocking descriptor`() async throws {
        let pipe = TestPipe()
        // Each end of a pipe has its own flags; stderr shares its flags with other processes.
        #expect(fcntl(pipe.input, F_SETFL, O_NONBLOCK) == 0)
        let sink = LogSink(descriptor: pipe.input, format: .text)
        let lines = (0..<4000).map { "line \($0) " + String(repeating: "x", count: 100) + "\n" }.joined()
        #expect(lines.utf8.count > 64 << 10 && lines.utf8.count < 1 << 20, "more than a pipe holds, less than the backlog's bound")
        sink.append(lines)
        let start = ContinuousClock.now
        var text = ""
        while text.utf8.count < lines.utf8.count, ContinuousClock.now - start < .seconds(120) {
            text += pipe.tryRead()
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(text == lines)
    }

    @Test func `level and format of a logger change while it is in use`() {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text, level: .warning)
        let log = Logger(label: "test") { _ in StructuredLogHandler(sink: sink) }
        log.info("first")
        #expect(!sink.hasAccessLines)
        sink.level = .debug
        log.debug("second")
        #expect(sink.hasAccessLines && sink.level == .debug)
        sink.format = .json
        log.debug("third")
        sink.level = .critical
        log.error("fourth")
        sink.flush()
        let text = pipe.tryRead()
        #expect(!text.contains("first") && text.contains(" debug    second\n") && text.contains(#""message":"third"}"#))
        #expect(!text.contains("fourth") && sink.level == .critical && sink.format == .json)
    }

    @Test func `flush gives up after about a second when nothing reads the pipe`() {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text)
        sink.append(String(repeating: "x", count: 512 << 10))
        let start = ContinuousClock.now
        sink.flush()
        let taken = ContinuousClock.now - start
        #expect(taken > .milliseconds(500) && taken < .seconds(60))
    }
}

extension LogSink {
    /// Whole lines, with their line feeds.
    fileprivate func append(_ lines: String) { lines.utf8.withBytes { append($0) } }
}
