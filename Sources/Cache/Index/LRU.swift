import Registry

/// Values by digest, in the order of their last use, with what they cost.
struct LRU<Value: Sendable>: Sendable {
    private var items: [Digest: Item] = [:]
    private var order = UseOrder<Digest>()
    /// The sum of what they cost.
    private(set) var cost = 0

    struct Item: Sendable {
        var value: Value
        var cost: Int
        /// In the order of use.
        fileprivate let place: Int
    }

    var count: Int { items.count }

    subscript(digest: Digest) -> Value? { items[digest]?.value }

    /// Counts it as used.
    mutating func use(_ digest: Digest) -> Value? {
        guard let item = items[digest] else { return nil }
        order.use(item.place)
        return item.value
    }

    /// Counts it as used, and changes it.
    mutating func use(_ digest: Digest, _ change: (inout Value) -> Void) -> Value? {
        guard let index = items.index(forKey: digest) else { return nil }
        order.use(items.values[index].place)
        change(&items.values[index].value)
        return items.values[index].value
    }

    /// Replaces what had this digest. It counts as used last.
    mutating func insert(_ digest: Digest, _ value: Value, cost added: Int) {
        remove(digest)
        items[digest] = Item(value: value, cost: added, place: order.add(digest))
        cost += added
    }

    /// Changes a value, and what it costs. That is no use.
    mutating func update<Result>(_ digest: Digest, _ change: (inout Item) -> Result) -> Result? {
        guard let index = items.index(forKey: digest) else { return nil }
        cost -= items.values[index].cost
        defer { cost += items.values[index].cost }
        return change(&items.values[index])
    }

    @discardableResult
    mutating func remove(_ digest: Digest) -> Value? {
        guard let removed = items.removeValue(forKey: digest) else { return nil }
        cost -= removed.cost
        order.remove(removed.place)
        return removed.value
    }

    /// Removes those that were not used for the longest time, until the rest is within the bounds.
    mutating func evict(toCost maxCost: Int, count maxCount: Int = .max) -> [Digest] {
        var removed: [Digest] = []
        while cost > maxCost || count > maxCount, let digest = order.oldest {
            remove(digest)
            removed.append(digest)
        }
        return removed
    }

    /// Up to `count` digests, in the order in which they would go.
    func oldest(_ count: Int) -> [Digest] { order.oldest(count) }
}
