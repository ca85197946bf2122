import Glibc

/// The content of a small file; nil when it cannot be read or is longer than `limit` bytes. Never waits, since it is called on loops: what is read
/// through a pipe must have been written before.
package func readFile(_ path: String, limit: Int) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var hasFailed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, count in
        count = 0
        while count <= limit {
            let got = read(file, buffer.baseAddress.map { $0 + count }, limit + 1 - count)
            if got == 0 { return }
            if got > 0 {
                count += got
            } else if errno != EINTR {
                hasFailed = true
                return
            }
        }
    }
    return !hasFailed && bytes.count <= limit ? bytes : nil
}
