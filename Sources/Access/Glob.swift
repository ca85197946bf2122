/// A pattern of repository names: `*` matches any characters within a segment, `**` any characters across segments.
package struct Glob: Sendable, Hashable, CustomStringConvertible {
    private enum Part: Sendable, Hashable {
        case literal(UInt8), withinSegment, acrossSegments
    }
    private let parts: [Part]

    /// `**`: every repository.
    package static let everything = Glob(parts: [.acrossSegments])

    private init(parts: [Part]) { self.parts = parts }

    /// nil: `problem(with:)` says why.
    package init?(_ pattern: String) {
        guard Self.problem(with: pattern) == nil else { return nil }
        var parts: [Part] = []
        var rest = Array(pattern.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "*") else {
                parts.append(.literal(byte))
                continue
            }
            let isDouble = rest.first == UInt8(ascii: "*")
            if isDouble { rest.removeFirst() }
            parts.append(isDouble ? .acrossSegments : .withinSegment)
        }
        self.parts = parts
    }

    /// What is wrong with a text that is no pattern, to be written after it; nil: it is a pattern. One that can match no name of the
    /// distribution spec ("Pulling manifests") is a mistake.
    package static func problem(with text: String) -> String? {
        if text.isEmpty { return "is empty; write a name, with * within a segment and ** across segments" }
        if !text.utf8.allSatisfy(isAllowed) {
            return "has characters that no repository name has; names are lower-case letters, digits, . _ - and /"
        }
        if text.contains("***") { return "has more than two stars in a row; write * within a segment or ** across segments" }
        if text.hasPrefix("/") || text.hasSuffix("/") || text.contains("//") {
            return "has an empty segment, which no repository name has; write one / between two segments"
        }
        return nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        byte &- 97 < 26 || byte &- 48 < 10 || "._-/*".utf8.contains(byte)
    }

    /// Whether it consists of stars and slashes only, as `**` and `*/*`: it names no repository in particular.
    package var isUnspecific: Bool {
        parts.allSatisfy { part in
            if case .literal(let byte) = part { byte == UInt8(ascii: "/") } else { true }
        }
    }

    /// The pattern as it was written.
    package var description: String {
        parts.map { part in
            switch part {
            case .literal(let byte): String(UnicodeScalar(byte))
            case .withinSegment: "*"
            case .acrossSegments: "**"
            }
        }.joined()
    }

    /// What of a pattern can be looked up, so that not every pattern has to be tried on every name.
    enum Shape {
        /// It has no star: the name itself.
        case name([UInt8])
        /// A star at one end alone: what the name begins or ends with. The rest is any text, or one within a segment.
        case beginning([UInt8], isWithinSegment: Bool), ending([UInt8], isWithinSegment: Bool)
        /// The texts between its stars, of which there is at least one. The pattern has to be tried on names that have all of them.
        case mixed([Piece])
    }

    /// A part of a pattern without stars, and where in a name it has to be.
    struct Piece: Hashable {
        enum Position { case beginning, middle, ending }
        let text: [UInt8]
        let position: Position
    }

    var shape: Shape {
        var pieces: [Piece] = []
        var text: [UInt8] = [], stars: [Part] = []
        for part in parts {
            if case .literal(let byte) = part {
                text.append(byte)
                continue
            }
            if !text.isEmpty { pieces.append(Piece(text: text, position: stars.isEmpty ? .beginning : .middle)) }
            (text, stars) = ([], stars + [part])
        }
        guard let star = stars.first else { return .name(text) }
        if !text.isEmpty { pieces.append(Piece(text: text, position: .ending)) }
        guard stars.count == 1, pieces.count < 2 else { return .mixed(pieces) }
        let isWithin = star == .withinSegment
        guard let piece = pieces.first else { return .beginning([], isWithinSegment: isWithin) }
        return piece.position == .beginning
            ? .beginning(piece.text, isWithinSegment: isWithin) : .ending(piece.text, isWithinSegment: isWithin)
    }

    /// Takes at most pattern times name steps, since a mismatch backtracks only to the last star of each kind: inside a segment to the last
    /// `*`, and past the segment's end to the last `**`, which can match all that an earlier star could.
    package func matches(_ name: [UInt8]) -> Bool {
        var part = 0, at = 0
        var star: (part: Int, at: Int)?, doubleStar: (part: Int, at: Int)?
        while true {
            if part < parts.count {
                switch parts[part] {
                case .acrossSegments:
                    doubleStar = (part + 1, at)
                    star = nil
                    part += 1
                    continue
                case .withinSegment:
                    star = (part + 1, at)
                    part += 1
                    continue
                case .literal(let byte) where at < name.count && name[at] == byte:
                    part += 1
                    at += 1
                    continue
                case .literal: break
                }
            } else if at == name.count {
                return true
            }
            if let back = star, back.at < name.count, name[back.at] != UInt8(ascii: "/") {
                star = (back.part, back.at + 1)
                (part, at) = (back.part, back.at + 1)
            } else if let back = doubleStar, back.at < name.count {
                doubleStar = (back.part, back.at + 1)
                star = nil
                (part, at) = (back.part, back.at + 1)
            } else {
                return false
            }
        }
    }
}
