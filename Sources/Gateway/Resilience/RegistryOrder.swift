/// Which of an upstream's registries a read goes to: the first that can serve it. A pure value, one for each read; it is told what became of an attempt.
///
/// Registries that are in use come first, in their order. When none of them can serve it, the others are asked as well: one that was away a moment ago may be
/// back, and there is nothing to lose.
struct RegistryOrder: Equatable {
    /// What became of a read at the current registry.
    enum Outcome {
        /// The registry, or the storage of its blobs, is away or fails.
        case failed
        /// A replica does not have it, or may not give it out. That is no answer: replicas lag, and have policies of their own.
        case missing
        /// It was not sent there after all: others had failed there while it waited.
        case overtaken

        /// nil: it is the answer.
        /// - Parameter status: of an error.
        init?(status: Int, isAtFallback: Bool) {
            switch (status, isAtFallback) {
            case (429, _), (500..., _): self = .failed
            case (401, true), (403, true), (404, true): self = .missing
            default: return nil
            }
        }
    }

    /// What is left to be asked after the current registry, should that fail.
    enum Alternative: Equatable {
        case none
        /// Registries that are not in use.
        case lastResort
        case inUse
    }

    /// The registry and its fallbacks. At most 8.
    private let count: Int
    /// The position of the registry to ask now; 0: the upstream's own.
    private(set) var current = 0
    /// By position, a bit each.
    private var asked: UInt8 = 0, overtaken: UInt8 = 0
    /// A replica did not have it.
    private(set) var isMissing = false
    /// The first registry has been asked since then.
    private var isConfirmed = false

    /// - Parameter mayTry: whether a registry is in use. Where none is, the first is asked all the same.
    init(count: Int, mayTry: (Int) -> Bool) {
        self.count = count
        go(to: (0..<count).first(where: mayTry) ?? 0)
    }

    /// Not the upstream's own registry.
    var isAtFallback: Bool { current > 0 }

    /// Goes on to the next registry: the next fallback that is in use; after the last one, the first registry, if it was not asked yet or if a replica does not
    /// have what is asked for, since only the first registry can say that it does not exist; then those that are not in use.
    /// - Returns: false: there is none.
    mutating func advance(after outcome: Outcome, mayTry: (Int) -> Bool) -> Bool {
        switch outcome {
        case .failed: break
        case .missing: isMissing = true
        // Once: the breakers of registries that come and go must not send it round and round.
        case .overtaken where overtaken & 1 << UInt8(current) == 0:
            asked &= ~(1 << UInt8(current))
            overtaken |= 1 << UInt8(current)
        case .overtaken: break
        }
        if let next = others.first(where: { $0 > 0 && mayTry($0) }) {
            go(to: next)
        } else if !hasAsked(0) || isMissing && !isConfirmed {
            go(to: 0)
            isConfirmed = isMissing
        } else if let next = others.first {
            go(to: next)
        } else {
            return false
        }
        return true
    }

    /// - Parameter isUsed: whether requests go to a registry.
    func alternative(isUsed: (Int) -> Bool) -> Alternative {
        if others.contains(where: isUsed) { return .inUse }
        return others.isEmpty && (!isMissing || isConfirmed) ? .none : .lastResort
    }

    /// Those that have not been asked.
    private var others: [Int] { (0..<count).filter { !hasAsked($0) } }

    private func hasAsked(_ position: Int) -> Bool { asked & 1 << UInt8(position) != 0 }

    private mutating func go(to position: Int) {
        current = position
        asked |= 1 << UInt8(position)
    }
}
