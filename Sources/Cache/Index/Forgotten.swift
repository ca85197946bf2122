import Registry

/// What was forgotten, as long as the disk may still tell it. It is forgotten once more when the directory has been read, so that no deletion and no
/// push is undone by what a file says of the time before.
struct Forgotten: Sendable {
    private(set) var all: Set<Item> = []
    /// Nothing that the disk has counts.
    private(set) var isEverything = false

    enum Item: Hashable, Sendable {
        case content(Digest, ContentSource)
        case tag(Tag, ContentSource)
    }

    /// With more, everything is forgotten. About a third of a kibibyte each.
    static let maxCount = 50_000

    var isEmpty: Bool { all.isEmpty && !isEverything }

    mutating func add(_ item: Item) {
        guard !isEverything else { return }
        all.insert(item)
        if all.count > Self.maxCount { addEverything() }
    }

    mutating func addEverything() { (all, isEverything) = ([], true) }

    mutating func add(_ other: Forgotten) {
        if other.isEverything { addEverything() } else { for item in other.all { add(item) } }
    }
}
