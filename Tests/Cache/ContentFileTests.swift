import Glibc
import Testing
import Transport

@testable import Cache

/// Which pages of a file are known to be complete.
struct ContentFileTests {
    private let disk = DiskThreads(["disk"], watch: DiskWatch())

    /// A file on the disk, and not in memory where the file system can do without.
    private func file(size: Int) -> ContentFile {
        var path = Array("/tmp/berth-content-file-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        unlink(path)
        let bytes = content(1, size: size)
        #expect(pwrite(descriptor, bytes, size, 0) == size)
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        return ContentFile(owning: descriptor, files: SystemFiles(), disk: disk)
    }

    @Test func `what was read on behind a part is complete, and nothing behind it was read`() async {
        let size = 4 << 20, part = 0..<(1 << 20)
        let file = file(size: size)
        var end = 0
        // The kernel may have dropped it again meanwhile.
        for _ in 0..<10 where end < 2 << 20 {
            #expect(await disk.run { file.load(part, before: 2 << 20) } == true)
            // The only thread does one thing after another.
            _ = await disk.run {}
            #expect(!file.isBeingRead)
            end = PageCache.end(of: 0..<(2 << 20), in: file.descriptor, isBeingRead: file.isBeingRead)
        }
        #expect(end == 2 << 20)
        #expect(await disk.run { file.read(100..<200, before: 200) } == [UInt8](content(1, size: size)[100..<200]))
        #expect(!file.isBeingRead)
    }

    @Test func `a part is read on behind once at a time, and no further than a bound`() async {
        let file = file(size: 4 << 20)
        _ = await disk.run {
            #expect(file.load(0..<1000, before: 4 << 20) && file.load(1000..<2000, before: 4 << 20))
            #expect(!file.isBeingRead)
        }
        _ = await disk.run {}
        #expect(!file.isBeingRead)
    }

    @Test func `after a failed read no page counts as complete for being there`() async {
        let file = file(size: 1000)
        #expect(await disk.run { file.load(0..<1001, before: 1001) } == false)
        #expect(file.isBeingRead)
        #expect(PageCache.end(of: 0..<1000, in: file.descriptor, isBeingRead: file.isBeingRead) == 1000)
    }
}
