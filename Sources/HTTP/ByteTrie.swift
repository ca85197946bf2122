/// Byte strings, each with a number, as a tree: a look-up takes at most as many steps as the text has bytes, however many strings there are,
/// and allocates nothing. Immutable.
package struct ByteTrie: Sendable {
    /// Of one cache line.
    private struct Node {
        /// Where in `labels` the bytes are that all strings below this node have next.
        var label: Int32 = 0, labelCount: Int32 = 0
        /// Children are neighbours, in the order of their labels' first bytes.
        var firstChild: Int32 = 0
        /// -1: no string ends here.
        var number: Int32 = -1
        /// The first bytes of the children's labels, a bit each.
        var branches = SIMD4<UInt64>()
    }

    /// The root first.
    private var nodes = [Node()]
    private var labels: [UInt8] = []
    private let isBackwards: Bool

    /// - Parameters:
    ///   - strings: of two that are equal, the first counts. Numbers are not negative.
    ///   - isBackwards: strings and texts are read from their ends: for suffixes.
    package init(_ strings: [(bytes: [UInt8], number: Int)], isBackwards: Bool = false) {
        self.isBackwards = isBackwards
        let keys = strings.enumerated().map { ($0.offset, isBackwards ? $0.element.bytes.reversed() : $0.element.bytes) }
            .sorted { $0.1 == $1.1 ? $0.0 < $1.0 : $0.1.lexicographicallyPrecedes($1.1) }
        // Not recursive: strings that begin with each other would take a stack as deep as they are long.
        var pending = keys.isEmpty ? [] : [(node: 0, keys: keys.indices, depth: 0)]
        while let (node, range, depth) = pending.popLast() {
            let first = keys[range.lowerBound].1, last = keys[range.upperBound - 1].1
            var end = depth
            while end < first.count, end < last.count, first[end] == last[end] { end += 1 }
            (nodes[node].label, nodes[node].labelCount) = (Int32(labels.count), Int32(end - depth))
            labels += first[depth..<end]
            var low = range.lowerBound
            if first.count == end {
                nodes[node].number = Int32(strings[keys[low].0].number)
                while low < range.upperBound, keys[low].1.count == end { low += 1 }
            }
            nodes[node].firstChild = Int32(nodes.count)
            while low < range.upperBound {
                let byte = keys[low].1[end]
                let high = keys[low..<range.upperBound].firstIndex { $0.1[end] != byte } ?? range.upperBound
                nodes[node].branches[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
                pending.append((nodes.count, low..<high, end))
                nodes.append(Node())
                low = high
            }
        }
    }

    /// How far a look-up has come.
    package struct Walk {
        /// -1: there is nothing further.
        fileprivate var node: Int32 = 0
        /// The length of the string that `next` found, and then of what the text was read of.
        package fileprivate(set) var depth = 0

        /// At the beginning of the text; at its end, if the trie is for suffixes.
        package init() {}
    }

    /// The number of the next string that the text begins with, from shorter to longer; -1: there is none.
    /// - Parameter text: the same in all calls with one walk.
    package func next(_ walk: inout Walk, in text: UnsafeBufferPointer<UInt8>) -> Int32 {
        while walk.node >= 0 {
            let node = nodes[Int(walk.node)]
            guard hasLabel(of: node, text, at: walk.depth) else {
                walk.node = -1
                break
            }
            walk.depth += Int(node.labelCount)
            walk.node = walk.depth < text.count ? child(of: node, byte(text, walk.depth)) : -1
            if node.number >= 0 { return node.number }
        }
        return -1
    }

    /// The number of the longest string that the text begins with; -1: there is none.
    package func longest(in text: UnsafeBufferPointer<UInt8>) -> Int32 {
        var walk = Walk(), found: Int32 = -1
        while case let number = next(&walk, in: text), number >= 0 { found = number }
        return found
    }

    /// The number of the string that is equal to the text; -1: there is none.
    package func number(of text: UnsafeBufferPointer<UInt8>) -> Int32 {
        var walk = Walk()
        while case let number = next(&walk, in: text), number >= 0 {
            if walk.depth == text.count { return number }
        }
        return -1
    }

    private func byte(_ text: UnsafeBufferPointer<UInt8>, _ depth: Int) -> UInt8 {
        text[isBackwards ? text.count - 1 - depth : depth]
    }

    private func hasLabel(of node: Node, _ text: UnsafeBufferPointer<UInt8>, at depth: Int) -> Bool {
        let count = Int(node.labelCount), start = Int(node.label)
        guard text.count - depth >= count else { return false }
        for offset in 0..<count where labels[start + offset] != byte(text, depth + offset) { return false }
        return true
    }

    private func child(of node: Node, _ byte: UInt8) -> Int32 {
        let word = Int(byte >> 6), bit: UInt64 = 1 << UInt64(byte & 63)
        guard node.branches[word] & bit != 0 else { return -1 }
        var rank = (node.branches[word] & (bit - 1)).nonzeroBitCount
        for lower in 0..<word { rank += node.branches[lower].nonzeroBitCount }
        return node.firstChild + Int32(rank)
    }
}
