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
    /// When a part was last missing, in seconds of the monotonic clock.
    private let lastMissing = Atomic(Int.min / 2)

    /// On a disk thread.
    init(owning descriptor: Int32, files: any FileCalls, disk: DiskThreads) {
        (self.descriptor, self.files, self.disk) = (descriptor, files, disk)
        isLocal = PageCache.canTryRead(descriptor)
    }

    /// A part of it was not in the kernel's memory in the last minute. The kernel may be reading on behind what it was asked for: a page may be there and
    /// not be complete. Otherwise all that is there is complete: it has been written, or read to be checked, or the disk has failed long ago.
    package var isBeingRead: Bool { Self.seconds - lastMissing.load(ordering: .relaxed) < 60 }
    /// A part of it is not in the kernel's memory, and will be read now.
    package func noteMissing() { lastMissing.store(Self.seconds, ordering: .relaxed) }

    private static var seconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return time.tv_sec
    }

    /// Not on the reader's thread: the last close of a removed file frees its blocks, which takes long for a large one.
    deinit {
        let (descriptor, files) = (descriptor, files)
        disk.perform { files.close(descriptor) }
    }
}
