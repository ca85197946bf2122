/// Which of an upstream's registries a read goes to: the first that can serve it. A pure value, one for each read; it is told what became of an attempt.
struct RegistryOrder: Equatable {
    /// What became of a read at the current registry.
    enum Outcome {
        /// The registry, or the storage of its blobs, is away or fails.
        case failed
        /// A replica does not have it, or may not give it out. That is no answer: replicas lag, and have policies of their own.
        case missing
    }

    /// The registry and its fallbacks.
    private let count: Int
    /// The position of the registry to ask now; 0: the upstream's own.
    private(set) var current = 0
    /// The last registry to be asked.
    private(set) var isLast = false
    private var hasAskedFirst = false
    /// A replica did not have it.
    private(set) var isMissing = false

    /// - Parameter mayTry: whether a registry is in use. Where none is, the first is asked all the same: there is nothing to lose.
    init(count: Int, mayTry: (Int) -> Bool) {
        self.count = count
        go(to: (0..<count).first(where: mayTry) ?? 0)
    }

    /// Goes on to the next registry: the next fallback that is in use; after the last one, the first registry, if it was not asked yet or if a replica does not
    /// have what is asked for, since only the first registry can say that it does not exist.
    /// - Returns: false: there is none.
    mutating func advance(after outcome: Outcome, mayTry: (Int) -> Bool) -> Bool {
        guard !isLast else { return false }
        if outcome == .missing { isMissing = true }
        if let next = (current + 1..<count).first(where: mayTry) {
            go(to: next)
        } else if !hasAskedFirst || isMissing {
            go(to: 0)
            isLast = true
        } else {
            return false
        }
        return true
    }

    private mutating func go(to position: Int) {
        current = position
        if position == 0 { hasAskedFirst = true }
    }
}
