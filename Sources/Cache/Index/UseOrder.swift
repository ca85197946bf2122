/// Keys in the order of their last use. A key has a place from when it is added until it is removed, so that each operation takes the same time,
/// however many there are, and no look-up.
struct UseOrder<Key: Sendable>: Sendable {
    /// A doubly linked list. What is free is linked through `next`.
    private var links: [Link] = []
    private var first = none, last = none, free = none
    private(set) var count = 0

    private struct Link: Sendable {
        var key: Key
        var previous: Int, next: Int
    }

    private static var none: Int { -1 }

    /// Used the longest time ago.
    var oldest: Key? { first == Self.none ? nil : links[first].key }

    /// Adds a key: it has been used just now.
    /// - Returns: its place.
    mutating func add(_ key: Key) -> Int {
        let place = free == Self.none ? links.count : free
        let link = Link(key: key, previous: Self.none, next: Self.none)
        if free == Self.none {
            links.append(link)
        } else {
            free = links[place].next
            links[place] = link
        }
        append(place)
        count += 1
        return place
    }

    /// The key of this place has been used just now.
    mutating func use(_ place: Int) {
        guard place != last else { return }
        unlink(place)
        append(place)
    }

    mutating func remove(_ place: Int) {
        unlink(place)
        links[place].next = free
        free = place
        count -= 1
    }

    /// Up to `count` keys, the oldest one first.
    func oldest(_ count: Int) -> [Key] {
        var keys: [Key] = []
        var place = first
        while place != Self.none, keys.count < count {
            keys.append(links[place].key)
            place = links[place].next
        }
        return keys
    }

    private mutating func unlink(_ place: Int) {
        let (previous, next) = (links[place].previous, links[place].next)
        if previous == Self.none { first = next } else { links[previous].next = next }
        if next == Self.none { last = previous } else { links[next].previous = previous }
    }

    private mutating func append(_ place: Int) {
        (links[place].previous, links[place].next) = (last, Self.none)
        if last == Self.none { first = place } else { links[last].next = place }
        last = place
    }
}
