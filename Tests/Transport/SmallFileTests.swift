import Glibc
import Testing

@testable import Transport

struct SmallFileTests {
    @Test func `a file is read whole up to the limit, and not at all beyond it`() throws {
        var name = Array("/tmp/berth-small-file-XXXXXX".utf8CString)
        let file = mkstemp(&name)
        defer { close(file) }
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        #expect(readFile(path, limit: 0) == [])
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        #expect(bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == bytes.count)
        #expect(readFile(path, limit: 100_000) == bytes && readFile(path, limit: 1 << 20) == bytes)
        #expect(readFile(path, limit: 99_999) == nil && readFile("/nonexistent", limit: 1) == nil && readFile("/", limit: 1) == nil)
    }

    @Test func `what comes through a pipe is waited for only if the caller says so`() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (output, input) = (ends[0], ends[1])
        defer { close(output) }
        let path = "/proc/self/fd/\(output)"
        #expect(readFile(path, limit: 10) == nil)
        #expect(
            startThread(named: "writer") {
                usleep(20_000)
                _ = write(input, "later", 5)
                close(input)
            })
        #expect(readFile(path, limit: 10, waits: true) == Array("later".utf8))
    }
}
