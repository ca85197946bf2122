/// The blobs of all repositories, in files named by digest. Blobs are never removed.
final class BlobStore {
    private let directory: String

    init(directory: String) throws {
        self.directory = directory
        try Files.makeDirectory(directory)
    }

    func path(of digest: ContentDigest) -> String { "\(directory)/\(digest.hex)" }
    func size(of digest: ContentDigest) -> Int? { Files.size(of: path(of: digest)) }

    func open(_ digest: ContentDigest) throws -> File { try File(reading: path(of: digest)) }

    func write(_ bytes: [UInt8], as digest: ContentDigest) throws { try Files.write(bytes, to: path(of: digest)) }
}
