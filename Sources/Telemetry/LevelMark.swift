/// A level on a terminal: a word of five characters, and its colour.
struct LevelMark {
    let text: StaticString
    let colour: TerminalColour

    /// - Parameter level: its name, as log lines have it.
    init(_ level: StaticString) {
        (text, colour) =
            switch "\(level)" {
            case "trace": ("trace", .dim)
            case "debug": ("debug", .dim)
            case "info": ("info ", .green)
            case "notice": ("note ", .green)
            case "warning": ("warn ", .yellow)
            case "error": ("ERROR", .red)
            default: ("FATAL", .red)
            }
    }
}
