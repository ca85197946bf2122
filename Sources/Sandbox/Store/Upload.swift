import Crypto
import Glibc

/// An upload session: bytes on their way to a blob, hashed as they come.
final class Upload {
    let id: String
    let repository: String
    private let path: String
    private var hash = SHA256()
    private(set) var size = 0
    /// Bytes of each request's body, empty ones left out: ECR's layer parts.
    private(set) var parts: [Int] = []
    /// Last byte of the first part, which `Range` may stay at (ECR 1.5).
    private(set) var firstRangeEnd: Int?
    /// A request is on it whose body has not ended.
    private(set) var isReceiving = false

    init(id: String, repository: String, directory: String) {
        (self.id, self.repository, path) = (id, repository, "\(directory)/\(id)")
    }

    deinit { unlink(path) }

    func append(from exchange: Exchange) async throws {
        isReceiving = true
        defer { isReceiving = false }
        let file = try File(writing: path, truncate: false)
        var count = 0
        while case let piece = try await exchange.read(), !piece.isEmpty {
            try file.write(piece)
            hash.update(piece)
            count += piece.count
            size += piece.count
        }
        if count > 0 { parts.append(count) }
        if firstRangeEnd == nil, size > 0 { firstRangeEnd = size - 1 }
    }

    var digest: ContentDigest { ContentDigest(bytes: hash.digest()) }

    /// The bytes become the blob's.
    func move(to target: String) throws {
        guard rename(path, target) == 0 else { throw FileError("rename", target) }
    }
}

/// The sessions that are open. Confined to the sandbox's loop.
final class Uploads {
    private let directory: String
    private var open: [String: Upload] = [:]
    private var order: [String] = []
    /// Sessions at once; the oldest ends when one more begins. How long ECR keeps them is not known (ECR 8).
    private static let most = 10_000

    init(directory: String) throws {
        // Sessions do not outlive the process: what an earlier one left is of no use.
        Files.removeAll(directory)
        try Files.makeDirectory(directory)
        self.directory = directory
    }

    var count: Int { open.count }

    func begin(in repository: String) -> Upload {
        if order.count == Self.most { open[order.removeFirst()] = nil }
        let upload = Upload(id: uuid(), repository: repository, directory: directory)
        open[upload.id] = upload
        order.append(upload.id)
        return upload
    }

    subscript(_ id: String, in repository: String) -> Upload? { open[id].flatMap { $0.repository == repository ? $0 : nil } }

    func end(_ upload: Upload) {
        open[upload.id] = nil
        order.removeAll { $0 == upload.id }
    }
}

/// Version 4, as ECR's are.
func uuid() -> String {
    var bytes = randomBytes(16)
    bytes[6] = bytes[6] & 0x0f | 0x40
    bytes[8] = bytes[8] & 0x3f | 0x80
    return dashed(Hexadecimal.string(of: bytes))
}

/// 32 hexadecimal digits in a UUID's groups.
func dashed(_ hex: some StringProtocol) -> String {
    var rest = hex[...]
    return [8, 4, 4, 4, 12].map { count in
        defer { rest = rest.dropFirst(count) }
        return String(rest.prefix(count))
    }.joined(separator: "-")
}
