import Glibc

/// A small file whole; nil when it cannot be read or is longer than `limit` bytes.
public func readFile(_ path: String, limit: Int) -> [UInt8]? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, count in
        count = fread(buffer.baseAddress, 1, limit + 1, file)
    }
    return ferror(file) == 0 && bytes.count <= limit ? bytes : nil
}
