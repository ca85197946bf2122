import HTTP
import Registry

/// The patterns of rules for one kind of place, compiled at load: which rule is the first to allow an action on a repository takes time in the
/// order of the name's length, however many patterns there are. Patterns with a star in their middle, or with several, are tried one by one where
/// the name has the part of them that fewest others have.
final class GlobTable: Sendable {
    /// The first rule that allows each action; `none`: no rule does.
    typealias Verdict = SIMD4<Int32>

    private static let none = Verdict(repeating: .max)

    /// For names that begin, or end, with the same text.
    private struct Entry {
        /// Nothing follows, anything within the segment, anything at all.
        var exact = none, withinSegment = none, acrossSegments = none
        /// Of `patterns`.
        var patterns: Range<Int32> = 0..<0
    }

    private struct Pattern {
        let glob: Glob
        let rule: Int32
        let actions: ActionSet
    }

    private let beginnings: ByteTrie, endings: ByteTrie
    /// nil: there is no pattern with a text between two stars by which it is found.
    private let middles: ByteTrie?
    private let entries: [Entry]
    /// Those of an entry are neighbours, in the order of their rules.
    private let patterns: [Pattern]
    /// On any repository.
    private let any: Verdict

    /// - Parameter rules: by their positions in the configuration, which are not negative, in order.
    init(_ rules: [(position: Int, rule: AccessRule)]) {
        var entries: [Entry] = []
        var patterns: [[Pattern]] = []
        var known: [Glob.Piece: Int] = [:]
        var any = Self.none
        func entry(_ piece: Glob.Piece) -> Int {
            if let index = known[piece] { return index }
            known[piece] = entries.count
            entries.append(Entry())
            patterns.append([])
            return entries.count - 1
        }
        func add(_ verdict: Verdict, to part: WritableKeyPath<Entry, Verdict>, at position: Glob.Piece.Position, _ text: [UInt8]) {
            let index = entry(Glob.Piece(text: text, position: position))
            entries[index][keyPath: part] = pointwiseMin(entries[index][keyPath: part], verdict)
        }
        var mixed: [(pattern: Pattern, pieces: [Glob.Piece])] = []
        for (position, rule) in rules {
            let actions = ActionSet(rule.actions), verdict = Self.verdict(Int32(position), actions)
            if !rule.repositories.isEmpty { any = pointwiseMin(any, verdict) }
            for glob in rule.repositories {
                switch glob.shape {
                case .name(let text): add(verdict, to: \.exact, at: .beginning, text)
                case .beginning(let text, let isWithin):
                    add(verdict, to: isWithin ? \.withinSegment : \.acrossSegments, at: .beginning, text)
                case .ending(let text, let isWithin):
                    add(verdict, to: isWithin ? \.withinSegment : \.acrossSegments, at: .ending, text)
                case .mixed(let pieces): mixed.append((Pattern(glob: glob, rule: Int32(position), actions: actions), pieces))
                }
            }
        }
        // A pattern is found by the piece that the fewest patterns have, so that few are tried on a name.
        let uses = mixed.reduce(into: [Glob.Piece: Int]()) { uses, each in for piece in each.pieces { uses[piece, default: 0] += 1 }
        }
        for (pattern, pieces) in mixed {
            let rarest = pieces.min { (uses[$0] ?? 0, -$0.text.count) < (uses[$1] ?? 0, -$1.text.count) }
            if let rarest { patterns[entry(rarest)].append(pattern) }
        }
        var all: [Pattern] = []
        for index in entries.indices {
            entries[index].patterns = Int32(all.count)..<Int32(all.count + patterns[index].count)
            all += patterns[index]
        }
        (self.entries, self.patterns, self.any) = (entries, all, any)
        func strings(_ position: Glob.Piece.Position) -> [(bytes: [UInt8], number: Int)] {
            known.filter { $0.key.position == position }.map { ($0.key.text, $0.value) }
        }
        (beginnings, endings) = (ByteTrie(strings(.beginning)), ByteTrie(strings(.ending), isBackwards: true))
        let between = strings(.middle)
        middles = between.isEmpty ? nil : ByteTrie(between)
    }

    /// The position of the first rule that allows one of the actions; `Int32.max`: no rule does.
    /// - Parameter repository: nil: any.
    func first(allowing actions: ActionSet, on repository: Repository?) -> Int32 {
        guard let repository else { return Self.first(in: any, actions) }
        let name = repository.bytes
        return name.withUnsafeBufferPointer { text in
            let slash = UInt8(ascii: "/")
            var found = Self.none
            let lastSegment = text.lastIndex(of: slash).map { $0 + 1 } ?? 0
            consult(beginnings, text, name, within: lastSegment, actions, &found)
            let firstSegment = text.firstIndex(of: slash).map { text.count - $0 } ?? 0
            consult(endings, text, name, within: firstSegment, actions, &found)
            if let middles {
                for start in text.indices {
                    consult(middles, UnsafeBufferPointer(rebasing: text[start...]), name, within: .max, actions, &found)
                }
            }
            return Self.first(in: found, actions)
        }
    }

    /// - Parameters:
    ///   - text: the name, or its rest.
    ///   - within: with so many bytes read, the rest is within a segment.
    private func consult(
        _ trie: ByteTrie, _ text: UnsafeBufferPointer<UInt8>, _ name: [UInt8], within: Int, _ actions: ActionSet,
        _ found: inout Verdict
    ) {
        var walk = ByteTrie.Walk()
        while case let number = trie.next(&walk, in: text), number >= 0 {
            let entry = entries[Int(number)]
            found = pointwiseMin(found, entry.acrossSegments)
            if walk.depth >= within { found = pointwiseMin(found, entry.withinSegment) }
            if walk.depth == text.count { found = pointwiseMin(found, entry.exact) }
            for index in entry.patterns {
                let pattern = patterns[Int(index)]
                guard pattern.rule < Self.first(in: found, actions) else { break }
                guard !pattern.actions.isDisjoint(with: actions), pattern.glob.matches(name) else { continue }
                found = pointwiseMin(found, Self.verdict(pattern.rule, pattern.actions))
            }
        }
    }

    private static func mask(of actions: ActionSet) -> SIMDMask<Verdict.MaskStorage> {
        (Verdict(repeating: Int32(actions.rawValue)) & Verdict(1, 2, 4, 8)) .!= 0
    }

    private static func verdict(_ rule: Int32, _ actions: ActionSet) -> Verdict {
        none.replacing(with: rule, where: mask(of: actions))
    }

    private static func first(in verdict: Verdict, _ actions: ActionSet) -> Int32 {
        none.replacing(with: verdict, where: mask(of: actions)).min()
    }
}
