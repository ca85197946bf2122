import Glibc
import Synchronization
import Transport

/// The open file of a content. The descriptor stays open for as long as somebody has this object, also when the file has been removed.
package final class ContentFile: Sendable {
    /// For `sendfile`, `preadv2` and `mmap`. Never written to or closed by a reader. Whoever uses it keeps this object alive meanwhile
    /// (`withExtendedLifetime`, or a property of an object that stays): a local variable lives only until it is mentioned last.
    package let descriptor: Int32
    /// Its file system says what it has in memory. One that cannot, as NFS, may ask its server in any call: no loop may make one.
    package let isLocal: Bool
    private let files: any FileCalls
    private let disk: DiskThreads
    /// Reads in progress.
    private let reads = Atomic(0)
    private let isReadingOn = Atomic(false)

    /// Bytes that are read behind those that are needed.
    private static let ahead = 2 << 20

    /// On a disk thread.
    init(owning descriptor: Int32, files: any FileCalls, disk: DiskThreads) {
        (self.descriptor, self.files, self.disk) = (descriptor, files, disk)
        isLocal = PageCache.canTryRead(descriptor)
        PageCache.readNothingAhead(descriptor)
    }

    /// Parts of it are being read into the kernel's memory: a page may be there and not be complete. Otherwise all pages that are there are complete.
    package var isBeingRead: Bool { reads.load(ordering: .acquiring) > 0 }

    /// Reads a part into the kernel's memory, and then on behind it, before `end`. On a disk thread.
    /// - Returns: whether all of the part could be read.
    package func load(_ range: Range<Int>, before end: Int) -> Bool {
        defer { readOn(from: range.upperBound, before: end) }
        return counted { PageCache.load(range, of: descriptor) ? () : nil } != nil
    }

    /// Reads a part, and then on behind it into the kernel's memory, before `end`. On a disk thread.
    /// - Returns: nil: it could not be read whole.
    package func read(_ range: Range<Int>, before end: Int) -> [UInt8]? {
        defer { readOn(from: range.upperBound, before: end) }
        return counted { PageCache.read(range, of: descriptor) }
    }

    /// One part at a time: many would keep the threads from others.
    private func readOn(from offset: Int, before end: Int) {
        let range = offset..<max(offset, min(end, offset + Self.ahead))
        guard !range.isEmpty, !isReadingOn.exchange(true, ordering: .relaxed) else { return }
        disk.performRead { [self] in
            _ = counted { PageCache.load(range, of: descriptor) ? () : nil }
            isReadingOn.store(false, ordering: .relaxed)
        }
    }

    /// - Parameter read: nil: it has failed. Pages may stay incomplete: the file counts as being read from then on.
    private func counted<Value>(_ read: () -> Value?) -> Value? {
        reads.add(1, ordering: .acquiringAndReleasing)
        guard let value = read() else { return nil }
        reads.subtract(1, ordering: .releasing)
        return value
    }

    /// Not on the reader's thread: the last close of a removed file frees its blocks, which takes long for a large one.
    deinit {
        let (descriptor, files) = (descriptor, files)
        disk.perform { files.close(descriptor) }
    }
}
