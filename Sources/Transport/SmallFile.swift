import Glibc

/// The content of a small file; nil when it cannot be read or is longer than `limit` bytes.
/// - Parameter waits: for what is written into a pipe. Never on a loop: without it, what is read through a pipe must have been written before.
package func readFile(_ path: String, limit: Int, waits: Bool = false) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK))
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    while bytes.count <= limit {
        // Most files need one piece; the limit may be far above what they have.
        let room = min(limit + 1 - bytes.count, max(bytes.count, pieceBytes))
        var got = 0
        let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            got = read(file, buffer.baseAddress, room)
            count = max(got, 0)
        }
        if got == 0 { return bytes }
        guard got > 0 || errno == EINTR else { return nil }
        bytes += piece
    }
    return nil
}

private let pieceBytes = 16 << 10
