import Registry

/// Values by digest, in the order of their last use, with what they cost, and what they weigh beside that.
struct LRU<Value: Sendable>: Sendable {
    private var items: [Digest: Item] = [:]
    private var order = UseOrder<Digest>()
    /// The sums over all.
    private(set) var cost = 0, weight = 0

    struct Item: Sendable {
        var value: Value
        var cost: Int, weight: Int
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
    mutating func insert(_ digest: Digest, _ value: Value, cost: Int, weight: Int = 1) {
        remove(digest)
        items[digest] = Item(value: value, cost: cost, weight: weight, place: order.add(digest))
        self.cost += cost
        self.weight += weight
    }

    /// Changes a value, and what it costs and weighs. That is no use.
    mutating func update<Result>(_ digest: Digest, _ change: (inout Item) -> Result) -> Result? {
        guard let index = items.index(forKey: digest) else { return nil }
        cost -= items.values[index].cost
        weight -= items.values[index].weight
        defer {
            cost += items.values[index].cost
            weight += items.values[index].weight
        }
        return change(&items.values[index])
    }

    @discardableResult
    mutating func remove(_ digest: Digest) -> Value? {
        guard let removed = items.removeValue(forKey: digest) else { return nil }
        cost -= removed.cost
        weight -= removed.weight
        order.remove(removed.place)
        return removed.value
    }

    /// Removes those that were not used for the longest time, until the rest is within the bounds.
    mutating func evict(toCost maxCost: Int, weight maxWeight: Int = .max) -> [Digest] {
        var removed: [Digest] = []
        while cost > maxCost || weight > maxWeight, let digest = order.oldest {
            remove(digest)
            removed.append(digest)
        }
        return removed
    }

    /// Up to `count` digests, in the order in which they would go.
    func oldest(_ count: Int) -> [Digest] { order.oldest(count) }
}
