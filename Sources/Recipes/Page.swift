/// What a recipe prints: Markdown that reads well as plain text, with each file and each group of commands in a block of its own.
struct Page {
    private(set) var text: String
    /// Whether the configuration supports what the recipe is for.
    private(set) var isSupported = true
    private var steps = 0

    /// Columns of prose. Blocks are never broken, because they are copied.
    private static let width = 100

    init(title: String, summary: String) { text = "# \(title)\n\n\(summary).\n" }

    /// What the recipe was filled in with.
    mutating func facts(_ lines: [(name: String, value: String)]) {
        text += "\n" + lines.map { "- \($0.name): \($0.value)\n" }.joined()
    }

    /// What the person should know before.
    mutating func note(_ sentence: String) { say("Note: " + sentence) }

    /// Something to do, in order.
    mutating func step(_ title: String) {
        steps += 1
        heading("\(steps). \(title)")
    }

    /// How to see that it works.
    mutating func prove() { heading("Prove it") }

    /// How to take it back.
    mutating func undo() { heading("Undo it") }

    mutating func heading(_ title: String) { text += "\n## \(title)\n" }

    /// What the configuration lacks, and how to add it.
    mutating func unsupported(_ sentence: String) {
        isSupported = false
        heading("The configuration does not support this")
        say(sentence)
    }

    /// A paragraph.
    mutating func say(_ paragraph: String) { text += "\n" + Self.wrapped(paragraph) + "\n" }

    /// Commands to be pasted into bash. Those that follow others directly go into the same block.
    mutating func run(_ commands: String) {
        if text.hasSuffix(Self.end), lastBlock == "bash" {
            text = text.dropLast(Self.end.count) + "\n\(commands)\(Self.end)"
        } else {
            block("bash", commands)
        }
    }

    /// A command that asks for something: what follows it must not be pasted with it.
    mutating func runAlone(_ command: String) {
        block("bash", command)
        lastBlock = ""
    }

    /// Commands for another way or another place, after a sentence that says which.
    mutating func alternative(_ sentence: String, _ commands: String) {
        say(sentence)
        block("text", commands)
    }

    /// A file's content, to be saved or added.
    mutating func file(_ path: String, _ language: String, _ content: String) {
        text += "\nFile `\(path)`:\n"
        block(language, content)
    }

    private mutating func block(_ language: String, _ content: String) {
        text += "\n```\(language)\n\(content)\(Self.end)"
        lastBlock = language
    }

    private static let end = "\n```\n"
    private var lastBlock = ""

    private static func wrapped(_ paragraph: String) -> String {
        var lines: [String] = [], line = ""
        for word in paragraph.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return (lines + [line]).joined(separator: "\n")
    }
}
