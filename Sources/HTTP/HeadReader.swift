import Glibc

/// Gathers the bytes of a head as they come, and finds its end in one pass over them, however small the pieces are.
package struct HeadReader: ~Copyable {
    /// Bytes that have come and belong to no head yet. After a head: the start of its body, or the next message.
    package var input = InputBuffer()
    /// Bytes of `input` already searched for the end of the head.
    private var scanned = 0
    private let limits: HeadLimits

    /// - Parameter limits: past them `take` throws.
    package init(limits: HeadLimits) { self.limits = limits }

    /// Moves the next head out of `input` into `head`, and leaves what follows it.
    /// - Returns: false: more bytes are needed.
    package mutating func take(_ head: Head, as kind: Head.Kind) throws(HeadError) -> Bool {
        guard let end = try endOfHead() else {
            guard input.count < limits.bytes else { throw .headTooLarge }
            return false
        }
        guard end <= limits.bytes else { throw .headTooLarge }
        head.removeAll()
        head.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: input.bytes.prefix(end)))
        input.removeFirst(end)
        scanned = 0
        try HeadParser.parse(head, as: kind, maxFields: limits.fields)
        return true
    }

    /// Drops an empty line before a request line, which some old clients send after a body (RFC 9112 2.2).
    package mutating func skipEmptyLine() {
        // Its carriage return may have come alone and been scanned already.
        let bytes = input.bytes
        guard scanned <= 1, bytes.count >= 2, bytes[0] == 13, bytes[1] == 10 else { return }
        input.removeFirst(2)
        scanned = 0
    }

    /// The offset after the empty line; nil: it has not come. Every line feed before it must follow a carriage return.
    private mutating func endOfHead() throws(HeadError) -> Int? {
        let all = input.bytes
        var at = scanned
        while at < all.count, let start = all.baseAddress, let found = memchr(start + at, 10, all.count - at) {
            let index = start.distance(to: UnsafeRawPointer(found))
            guard index > 0, all[index - 1] == 13 else { throw .bareLineFeed }
            if index == 1 || (index >= 3 && all[index - 2] == 10) { return index + 1 }
            at = index + 1
        }
        scanned = all.count
        return nil
    }
}
