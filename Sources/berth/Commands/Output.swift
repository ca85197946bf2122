import Glibc
import Telemetry

/// Prints a line and flushes it, also when standard output is a pipe.
func show(_ line: String = "") {
    print(line.withVisibleControls)
    fflush(nil)
}

/// Prints a line on standard error.
func showError(_ line: String) { writeToStandardError(line.withVisibleControls + "\n") }

func writeToStandardError(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
    }
}

/// `12.3`: rounded, for a person.
func withOneDecimal(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

/// Prints a line of a report: `ok`, `warn` or `FAIL`, in colour on a terminal, and a sentence.
func show(_ outcome: CheckReport.Step.Outcome, _ sentence: String, indented: Bool = false) {
    let (mark, colour): (String, TerminalColour) =
        switch outcome {
        case .ok: ("ok", .green)
        case .warning: ("warn", .yellow)
        case .failed: ("FAIL", .red)
        }
    let isColoured = TerminalColour.areShown(on: STDOUT_FILENO)
    let shown = isColoured ? "\(colour.start)\(mark)\(TerminalColour.end)" : mark
    let blanks = String(repeating: " ", count: 6 - mark.count)
    print((indented ? "  " : "") + shown + blanks + sentence.withVisibleControls)
    fflush(nil)
}

/// Prints a step of a report, with its notes below it.
func show(_ step: CheckReport.Step) {
    show(step.outcome, "\(step.step): \(step.detail)", indented: true)
    for note in step.notes { show("          \(note)") }
}

extension String {
    /// With blanks at its end, for a table.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// With control characters and what changes the direction of text escaped, since text from servers and files must not move the cursor, colour
    /// what follows or hide it. Line feeds and tabs stay.
    var withVisibleControls: String {
        guard unicodeScalars.contains(where: Self.isHarmful) else { return self }
        return unicodeScalars.map { Self.isHarmful($0) ? "\\u{\(String($0.value, radix: 16))}" : String($0) }.joined()
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: scalar != "\n" && scalar != "\t"
        case .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
