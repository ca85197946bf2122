import Glibc

/// Gathers the bytes of a head as they come, and finds its end in one pass over them however small the pieces are.
package struct HeadReader {
    /// Bytes that came and belong to no head yet. After a head: the start of its body, or the next request.
    package var input: [UInt8] = []
    private var scanned = 0
    private let limits: HeadLimits

    package init(limits: HeadLimits) { self.limits = limits }

    /// Gives the buffer back, which has the room of the largest head so far. For when `input` is empty.
    package mutating func releaseBuffer() { input = [] }

    /// Moves the next head out of `input` into `head`, and leaves what follows it. false: more bytes are needed.
    package mutating func take(_ head: Head, as kind: Head.Kind) throws(HeadError) -> Bool {
        guard let end = try endOfHead() else {
            guard input.count < limits.bytes else { throw .headTooLarge }
            return false
        }
        guard end <= limits.bytes else { throw .headTooLarge }
        head.removeAll()
        if end == input.count {
            swap(&head.bytes, &input)
        } else {
            // What follows is the larger part: it stays where it is, and the head does not keep its room.
            head.bytes.append(contentsOf: input[..<end])
            input.removeFirst(end)
        }
        scanned = 0
        try head.parse(as: kind, maxFields: limits.fields)
        return true
    }

    /// RFC 9112 2.2 lets a server ignore an empty line before a request line: some old clients send one after a body.
    package mutating func skipEmptyLine() {
        // Its carriage return may have come alone, and been looked at.
        guard scanned <= 1, input.starts(with: [13, 10]) else { return }
        input.removeFirst(2)
        scanned = 0
    }

    /// The offset behind the empty line. Every line feed before it must follow a carriage return.
    private mutating func endOfHead() throws(HeadError) -> Int? {
        let (end, bare, upTo) = input.withUnsafeBytes { all -> (Int?, Bool, Int) in
            var at = scanned
            while at < all.count, let start = all.baseAddress, let found = memchr(start + at, 10, all.count - at) {
                let index = start.distance(to: UnsafeRawPointer(found))
                guard index > 0, all[index - 1] == 13 else { return (nil, true, index) }
                if index == 1 || (index >= 3 && all[index - 2] == 10) { return (index + 1, false, index) }
                at = index + 1
            }
            return (nil, false, all.count)
        }
        scanned = upTo
        if bare { throw .bareLineFeed }
        return end
    }
}
