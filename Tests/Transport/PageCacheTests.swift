import Glibc
import Testing

@testable import Transport

struct PageCacheTests {
    private func withFile(_ bytes: [UInt8], _ body: (Int32) throws -> Void) throws {
        var path = Array("/tmp/berth-page-cache-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        defer { close(descriptor) }
        unlink(path)
        #expect(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count)
        try body(descriptor)
    }

    @Test func `what has just been written is in memory to its end`() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try withFile(bytes) { file in
            #expect(PageCache.end(of: 10..<100_000, in: file, isBeingRead: false) == 100_000)
            #expect(PageCache.end(of: 99_999..<100_000, in: file, isBeingRead: true) == 100_000)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 50_000, alignment: 1)
            defer { buffer.deallocate() }
            #expect(PageCache.tryRead(file, at: 70_000, into: buffer) == 30_000)
            #expect(buffer.prefix(30_000).elementsEqual(bytes[70_000...]))
            #expect(PageCache.tryRead(file, at: 100_000, into: buffer) == 0)
        }
    }

    @Test func `a part is loaded and read whole, or reported as missing`() throws {
        try withFile([UInt8](repeating: 7, count: 200_000)) { file in
            fsync(file)
            posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
            #expect(PageCache.load(5..<150_000, of: file) && PageCache.end(of: 5..<150_000, in: file, isBeingRead: true) == 150_000)
            #expect(PageCache.end(of: 5..<150_000, in: file, isBeingRead: false) == 150_000)
            #expect(!PageCache.load(150_000..<200_001, of: file))
            #expect(PageCache.read(199_990..<200_000, of: file) == [UInt8](repeating: 7, count: 10))
            #expect(PageCache.read(199_990..<200_001, of: file) == nil)
        }
    }

    @Test func `a file system that cannot tell whether a read has to wait is known`() throws {
        // /proc keeps nothing in memory, as a network file system does not tell what it keeps.
        let file = open("/proc/self/cmdline", O_RDONLY)
        defer { close(file) }
        #expect(!PageCache.canTryRead(file))
    }

    @Test(arguments: [false, true]) func `what is not in memory is found missing`(isBeingRead: Bool) throws {
        try withFile([UInt8](repeating: 7, count: 200_000)) { file in
            // A hole: a page that nobody has read.
            #expect(ftruncate(file, 1 << 20) == 0)
            let end = PageCache.end(of: 0..<(1 << 20), in: file, isBeingRead: isBeingRead)
            #expect(end >= 200_000 && end < 1 << 20)
            #expect(PageCache.end(of: (1 << 19)..<(1 << 20), in: file, isBeingRead: isBeingRead) == 1 << 19)
        }
    }

    @Test func `a file that has become shorter is told from a failing socket`() throws {
        try withFile([UInt8](repeating: 7, count: 50)) { file in
            let pair = UnsafeMutablePointer<Int32>.allocate(capacity: 2)
            defer { pair.deallocate() }
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, pair) == 0)
            let socket = Socket(descriptor: pair[0])
            let sent = try socket.trySendFile(file, at: 0, count: 100), rest = try socket.trySendFile(file, at: 50, count: 50)
            #expect(sent == 50 && rest == nil)
            #expect(throws: TransportError.self) { _ = try Socket(descriptor: -1).trySendFile(file, at: 0, count: 50) }
            close(pair[0])
            close(pair[1])
        }
    }
}
