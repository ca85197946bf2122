import Glibc

/// A colour of text on a terminal (ECMA-48 8.3.117).
package enum TerminalColour: Sendable {
    case red, green, yellow, cyan, dim

    /// Whether a terminal is at the descriptor and its user wants colours: `NO_COLOR` (no-color.org) and `TERM=dumb` turn them off.
    package static func areShown(on descriptor: Int32) -> Bool {
        guard isatty(descriptor) == 1, getenv("NO_COLOR").map({ $0.pointee == 0 }) ?? true, let kind = getenv("TERM") else {
            return false
        }
        return kind.pointee != 0 && strcmp(kind, "dumb") != 0
    }

    /// What begins text in this colour.
    package var start: StaticString {
        switch self {
        case .red: "\u{1B}[31m"
        case .green: "\u{1B}[32m"
        case .yellow: "\u{1B}[33m"
        case .cyan: "\u{1B}[36m"
        case .dim: "\u{1B}[2m"
        }
    }

    /// What ends coloured text.
    package static let end: StaticString = "\u{1B}[0m"
}
