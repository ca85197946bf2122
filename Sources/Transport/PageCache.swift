import CLibevent
import Glibc

/// Reads of files that the kernel has in memory, so that a loop never waits for a disk. For what it has not, another thread reads first.
package enum PageCache {
    /// Reads what is in memory at `offset`, without waiting for the disk.
    /// - Returns: bytes read, perhaps fewer than asked for; 0: the file ends there; nil: the disk has to be asked, which reports what is wrong with it too.
    package static func tryRead(_ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
        let count = preadv2(descriptor, &part, 1, off_t(offset), noWait)
        return count >= 0 ? count : nil
    }

    /// Whether the file system can say that a read would have to wait. NFS cannot.
    package static func canTryRead(_ descriptor: Int32) -> Bool {
        // Opened here, before it is needed; without it nothing can be loaded.
        guard nowhere >= 0 else { return false }
        return withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) {
            tryRead(descriptor, at: 0, into: $0) != nil || errno == EAGAIN
        }
    }

    /// RWF_NOWAIT of linux/fs.h.
    private static let noWait: Int32 = 8

    /// How far a part of a file is in memory, from its start without a gap. Where pages are missing, only its first mebibyte is looked at.
    /// - Parameters:
    ///   - range: offsets in the file, not beyond its end.
    ///   - isBeingRead: parts of the file are being read into memory now. Otherwise it is enough that the pages are there, which costs a tenth of asking
    ///     for each whether it is complete. Asked afterwards: what is there was put there before.
    /// - Returns: `range.lowerBound` if the first page is not.
    package static func end(of range: Range<Int>, in descriptor: Int32, isBeingRead: @autoclosure () -> Bool) -> Int {
        let first = range.lowerBound & ~(pageSize - 1), length = range.upperBound - first
        if length > 0, berth_cached_pages(descriptor, UInt64(first), UInt64(length)) == pages(length), !isBeingRead() {
            return range.upperBound
        }
        let looked = min(length, 1 << 20)
        guard looked > 0, let map = mmap(nil, looked, PROT_READ, MAP_SHARED, descriptor, off_t(first)), map != MAP_FAILED else {
            return range.lowerBound
        }
        defer { munmap(map, looked) }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pages(looked)) { states in
            guard mincore(map, looked, states.baseAddress) == 0 else { return range.lowerBound }
            let present = states.firstIndex { $0 & 1 == 0 } ?? states.count
            return max(range.lowerBound, min(range.upperBound, first + present * pageSize))
        }
    }

    private static func pages(_ length: Int) -> Int { (length + pageSize - 1) / pageSize }
    private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

    /// The kernel reads only what it is asked for, and nothing behind it.
    package static func readNothingAhead(_ descriptor: Int32) { posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM) }

    /// Has the kernel begin to read a part of a file into memory.
    package static func request(_ range: Range<Int>, of descriptor: Int32) {
        posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
    }

    /// Reads a part of a file into memory. Waits for the disk.
    /// - Returns: whether all of it could be read.
    package static func load(_ range: Range<Int>, of descriptor: Int32) -> Bool {
        request(range, of: descriptor)
        var offset = off_t(range.lowerBound)
        while offset < range.upperBound {
            // Without a copy.
            let count = sendfile(nowhere, descriptor, &offset, range.upperBound - Int(offset))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
        }
        return true
    }

    private static let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)

    /// Reads a part of a file. Waits for the disk.
    /// - Returns: nil: it could not be read whole.
    package static func read(_ range: Range<Int>, of descriptor: Int32) -> [UInt8]? {
        request(range, of: descriptor)
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            while filled < range.count {
                let count = pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, range.count - filled, off_t(range.lowerBound + filled))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                filled += count
            }
        }
        return bytes.count == range.count ? bytes : nil
    }
}
