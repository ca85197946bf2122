import Glibc
import Testing

@testable import Telemetry

struct LogSinkTests {
    @Test func `lines leave whole and in order, and all of them before flush returns`() {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text)
        for number in 0..<1000 { sink.append(Array("line \(number)\n".utf8)) }
        sink.flush()
        #expect(pipe.tryRead() == (0..<1000).map { "line \($0)\n" }.joined())
    }

    @Test func `a log that nobody reads costs its lines, not its writer, and says how many once it is read`() async throws {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1023) + [10]
        let start = ContinuousClock.now
        for _ in 0..<4096 { sink.append(line) }
        sink.flush()
        #expect(ContinuousClock.now - start < .seconds(10), "neither waits for the reader")

        var text = ""
        while !text.contains("dropped"), ContinuousClock.now - start < .seconds(20) {
            text += pipe.tryRead()
            try await Task.sleep(for: .milliseconds(5))
        }
        let lines = text.split(separator: "\n")
        let kept = lines.filter { $0.utf8.count == 1023 && $0.utf8.allSatisfy { $0 == UInt8(ascii: "x") } }.count
        let notices = lines.filter { $0.contains(" warning  log lines dropped count=") }
        let dropped = notices.compactMap { $0.split(separator: "=").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(kept + notices.count == lines.count)
        #expect(dropped > 0 && kept >= 1024)
        #expect(kept + dropped == 4096)
    }

    @Test func `a descriptor that somebody made non-blocking takes every line, in pieces`() async throws {
        let pipe = TestPipe()
        // Both ends of a pipe have flags of their own; stderr shares its with whoever else holds it.
        #expect(fcntl(pipe.input, F_SETFL, O_NONBLOCK) == 0)
        let sink = LogSink(descriptor: pipe.input, format: .text)
        let lines = (0..<4000).map { "line \($0) " + String(repeating: "x", count: 100) + "\n" }.joined()
        #expect(lines.utf8.count > 64 << 10 && lines.utf8.count < 1 << 20, "past what a pipe holds, within what the sink does")
        sink.append(Array(lines.utf8))
        let start = ContinuousClock.now
        var text = ""
        while text.utf8.count < lines.utf8.count, ContinuousClock.now - start < .seconds(20) {
            text += pipe.tryRead()
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(text == lines)
    }

    @Test func `flush gives up on a pipe that nobody reads after about a second`() {
        let pipe = TestPipe()
        let sink = LogSink(descriptor: pipe.input, format: .text)
        sink.append([UInt8](repeating: UInt8(ascii: "x"), count: 512 << 10))
        let start = ContinuousClock.now
        sink.flush()
        let taken = ContinuousClock.now - start
        #expect(taken > .milliseconds(500) && taken < .seconds(60))
    }
}
