import Crypto
import Glibc

/// An upload session: the bytes received so far, hashed as they come.
final class Upload {
    let id: String
    let repository: String
    private let path: String
    private var hash = SHA256()
    private(set) var size = 0
    /// The size of each request's body, without empty ones: ECR's layer parts.
    private(set) var parts: [Int] = []
    /// Last byte of the first part, which `Range` may stay at (ECR 1.5).
    private(set) var firstRangeEnd: Int?
    /// Whether a request's body is being received.
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

    /// Makes the received bytes the blob's file.
    func move(to target: String) throws {
        guard rename(path, target) == 0 else { throw FileError("rename", target) }
    }
}
