/// A pattern of repository names: `*` stands for any characters within a segment, `**` for any across segments.
package struct Glob: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case literal(UInt8), withinSegment, acrossSegments
    }
    private let parts: [Part]

    package init(_ pattern: String) {
        var parts: [Part] = []
        var rest = Array(pattern.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "*") else {
                parts.append(.literal(byte))
                continue
            }
            var isDouble = false
            while rest.first == UInt8(ascii: "*") {
                rest.removeFirst()
                isDouble = true
            }
            parts.append(isDouble ? .acrossSegments : .withinSegment)
        }
        self.parts = parts
    }

    /// In time of pattern times name at worst: of stars that could still take more, only the last of each kind is gone back to.
    /// A `**` takes what a `*` before it would, so a mismatch inside a segment goes back to the `*`, and past its end to the `**`.
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
