/// How often something of a source was deleted or replaced, so that a response that was on its way meanwhile does not bring it back. Sources share
/// counts: at worst, a response is not remembered.
struct Removals: Sendable {
    private var counts = [Int](repeating: 0, count: 1024)

    subscript(source: ContentSource) -> Int { counts[place(source)] }

    mutating func add(_ source: ContentSource) { counts[place(source)] += 1 }

    mutating func addToAll() { for place in counts.indices { counts[place] += 1 } }

    private func place(_ source: ContentSource) -> Int { Int(UInt(bitPattern: source.hashValue) % UInt(counts.count)) }
}
