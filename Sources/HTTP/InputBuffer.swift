/// Bytes that have come and were not read yet. Reading moves a mark and no byte; the memory is one allocation, of no more than what came.
package struct InputBuffer: ~Copyable {
    private var start: UnsafeMutableRawPointer?
    private var capacity = 0
    /// Where what was not read begins and ends.
    private var first = 0, end = 0

    /// Allocations are multiples of this, so that the next request fits where the last one did.
    private static let granularity = 512

    /// Allocates nothing.
    package init() {}

    deinit { start?.deallocate() }

    /// Nothing is there.
    package var isEmpty: Bool { first == end }
    /// Bytes that were not read.
    package var count: Int { end - first }
    /// Valid until the next call.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start.map { $0 + first }, count: end - first) }

    /// Copies bytes that have come.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        if end + bytes.count > capacity { makeRoom(for: bytes.count) }
        guard let start else { return }
        (start + end).copyMemory(from: source, byteCount: bytes.count)
        end += bytes.count
    }

    /// Copies bytes that have come.
    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    private mutating func makeRoom(for more: Int) {
        let needed = count + more
        let size = needed <= capacity ? capacity : max(needed, first == end ? 0 : capacity * 2)
        let rounded = (size + Self.granularity - 1) / Self.granularity * Self.granularity
        let larger = rounded == capacity ? start : .allocate(byteCount: rounded, alignment: 16)
        if let larger, let start { larger.copyMemory(from: start + first, byteCount: count) }
        if larger != start { start?.deallocate() }
        (start, capacity, first, end) = (larger, rounded, 0, count)
    }

    /// Moves the mark over bytes that were read.
    package mutating func removeFirst(_ count: Int) {
        first += count
        precondition(first <= end)
    }

    /// Takes back the last `count` bytes of a `removeFirst`, with nothing appended in between.
    package mutating func restore(_ count: Int) {
        first -= count
        precondition(first >= 0)
    }

    /// Gives the memory back that no byte needs: all of it, when the buffer is empty.
    /// - Parameter limit: bytes of memory that an empty buffer may keep.
    package mutating func trim(keeping limit: Int) {
        guard isEmpty else { return }
        (first, end) = (0, 0)
        guard capacity > limit else { return }
        start?.deallocate()
        (start, capacity) = (nil, 0)
    }
}
