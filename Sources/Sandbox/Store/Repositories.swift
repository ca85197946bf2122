/// All repositories of the account. Confined to the sandbox's loop.
final class Repositories {
    private let directory: String
    private var byName: [String: Repository] = [:]
    /// ECR allows 100,000.
    private static let maxRepositories = 10_000

    init(directory: String) throws {
        self.directory = directory
        try Files.makeDirectory(directory)
        for folder in Files.list(directory) {
            if let repository = try Repository(reading: "\(directory)/\(folder)") { byName[repository.name] = repository }
        }
    }

    subscript(_ name: String) -> Repository? { byName[name] }
    var all: [Repository] { byName.values.sorted { $0.name < $1.name } }
    var isFull: Bool { byName.count >= Self.maxRepositories }

    /// - Parameter attributes: the name must be valid and unused.
    func create(_ attributes: RepositoryAttributes) throws -> Repository {
        // The directory is named by the name's hash, as a name may be longer than a file name may, or be the start of another.
        let repository = try Repository(
            new: attributes, directory: "\(directory)/\(ContentDigest.of(Array(attributes.name.utf8)).hex)")
        byName[attributes.name] = repository
        return repository
    }

    /// 2–256 characters of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, in one or more parts between slashes (ECR 3).
    static func isName(_ text: String) -> Bool {
        (2...256).contains(text.utf8.count) && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isPart)
    }

    private static func isPart(_ part: Substring) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool { byte &- 97 < 26 || byte &- 48 < 10 }
        let bytes = Array(part.utf8)
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else { return false }
        return bytes.split(whereSeparator: isAlphanumeric).allSatisfy { separator in
            separator.elementsEqual(".".utf8) || separator.elementsEqual("_".utf8) || separator.elementsEqual("__".utf8)
                || separator.allSatisfy { $0 == UInt8(ascii: "-") }
        }
    }
}
