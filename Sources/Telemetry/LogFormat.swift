import Glibc

/// How log lines are written: one line per event in all of them.
package enum LogFormat: UInt8, Sendable, CaseIterable {
    /// Complete, for machines.
    case json
    /// Complete, `name=value`.
    case text
    /// Short, for a person at a terminal; `coloured` is the same with colours.
    case terminal, coloured

    /// Short lines when standard error is a terminal, otherwise JSON.
    package static var automatic: LogFormat { onTerminal(otherwise: .json) }

    /// Short lines when standard error is a terminal, with colours if they are wanted.
    package static func onTerminal(otherwise format: LogFormat) -> LogFormat {
        guard isatty(STDERR_FILENO) == 1 else { return format }
        return TerminalColour.areShown(on: STDERR_FILENO) ? .coloured : .terminal
    }

    /// Lines are short and for a person.
    package var isForTerminal: Bool { self == .terminal || self == .coloured }
}
