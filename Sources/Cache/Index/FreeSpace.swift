/// What is free on the cache's file system, as far as it is known. A share of it is left to others.
struct FreeSpace: Sendable {
    /// As it was lately; nil: not known.
    private var figures: FileSystemSpace?

    /// One part in so many is kept free.
    static let share = 20

    /// The file system has been asked. Some do not tell.
    mutating func set(_ figures: FileSystemSpace) { self.figures = figures.total > 0 ? figures : nil }

    /// Bytes to be removed before so many more may be written.
    func deficit(for bytes: Int = 0) -> Int { figures.map { $0.total / Self.share - $0.free + bytes } ?? 0 }

    /// So many bytes are about to be removed.
    mutating func add(_ bytes: Int) { figures?.free += bytes }
}
