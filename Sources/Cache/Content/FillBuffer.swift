/// Memory for bytes on their way to the disk. The filler reads into it and passes it on, without a copy.
///
/// `@unchecked Sendable`: it has one owner at a time. The filler has it from `Fill.buffer()` to `Fill.append(_:)`, then a disk thread has it.
package final class FillBuffer: @unchecked Sendable {
    /// Bytes that a buffer has room for: sixteen TLS records.
    package static let capacity = 256 << 10
    /// The memory, aligned to pages.
    package let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 4096)
    /// Bytes that it is to take, up to a multiple of `capacity` in the file: the kernel keeps what is written so in large pieces, and sends them for less.
    package internal(set) var room = capacity
    /// Bytes at its start that are filled. The filler sets it.
    package var count = 0

    init() {}

    deinit { memory.deallocate() }

    /// Where the next bytes go.
    package var free: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[count..<room]) }
    /// The bytes that are filled.
    package var filled: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }
}
