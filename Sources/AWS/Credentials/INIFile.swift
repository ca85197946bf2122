/// A shared file, parsed as botocore does, by the rules of Python's `configparser`: duplicate sections and keys are errors, a line that is
/// indented deeper continues the value above, comments take whole lines, and one error makes the whole file unreadable.
struct INIFile {
    struct Setting: Equatable {
        var value: String
        /// File and line, for messages: `/root/.aws/config:12`.
        let place: String
        /// The indented `name = value` lines below an empty value, such as `endpoint_url` below `ecr =`. `value` is then empty.
        var nested: [String: Setting] = [:]
    }
    /// Settings by name in lower case.
    typealias Section = [String: Setting]

    /// In the order of the file.
    private(set) var sections: [(name: String, settings: Section)] = []
    private let path: String

    /// The section whose settings are the defaults of all others.
    private static let defaults = "DEFAULT"

    init(_ text: String, path: String) throws(CredentialError) {
        self.path = path
        var reader = Reader()
        // Each of the three line ends is one `Character`.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: { ["\n", "\r", "\r\n"].contains($0) })
            .enumerated()
        {
            if let problem = reader.read(line.unicodeScalars, number: index + 1) { throw error(index + 1, problem) }
        }
        let shared = reader.sections.first { $0.name == Self.defaults }?.options ?? [:]
        for section in reader.sections where section.name != Self.defaults {
            var settings: Section = [:]
            let options = section.options.merging(shared, uniquingKeysWith: { own, _ in own })
            for (key, lines) in options.sorted(by: { $0.value[0].number < $1.value[0].number }) {
                settings[key] = try setting(lines)
            }
            sections.append((section.name, settings))
        }
    }

    private func setting(_ lines: [Reader.Line]) throws(CredentialError) -> Setting {
        let value = Reader.strip(lines.map(\.text).joined(separator: "\n").unicodeScalars[...])
        var setting = Setting(value: value, place: "\(path):\(lines[0].number)")
        guard lines[0].text.isEmpty, !value.isEmpty else { return setting }
        setting.value = ""
        for line in lines where !line.text.isEmpty {
            let parts = line.text.unicodeScalars.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw error(line.number, "not name = value, as nested lines are") }
            setting.nested[Reader.strip(parts[0])] = Setting(value: Reader.strip(parts[1]), place: "\(path):\(line.number)")
        }
        return setting
    }

    private func error(_ line: Int, _ message: String) -> CredentialError {
        CredentialError(source: "profile", message: "\(path):\(line): \(message)")
    }
}

extension INIFile {
    /// Reads line by line. Compares Unicode scalars, as Python does: `=` followed by a combining mark is still a `=`.
    private struct Reader {
        typealias Text = Substring.UnicodeScalarView
        typealias Line = (text: String, number: Int)

        var sections: [(name: String, options: [String: [Line]])] = []
        private var places: [String: Int] = [:]  // of sections, by name
        private var current: Int?
        private var option: String?
        private var indent = 0

        /// Returns what is wrong with the line, nil when nothing is.
        mutating func read(_ line: Text, number: Int) -> String? {
            let value = Self.strip(line)
            if let first = value.unicodeScalars.first, first == "#" || first == ";" { return nil }
            let depth = value.isEmpty ? Int.max : line.prefix(while: Self.isBlank).count
            if let current, let option, depth > indent {
                sections[current].options[option]?.append((value, number))
                return nil
            }
            if value.isEmpty { return nil }
            indent = depth
            if let name = Self.title(value) { return begin(name) }
            guard let current else {
                return value.unicodeScalars.first == "\u{FEFF}"
                    ? "a byte order mark; save the file as UTF-8 without one" : "neither a comment nor [a section]"
            }
            guard let mark = value.unicodeScalars.firstIndex(where: { $0 == "=" || $0 == ":" }), mark != value.startIndex else {
                return "neither [a section] nor name = value"
            }
            let key = Self.strip(value.unicodeScalars[..<mark]).lowercased()
            guard sections[current].options[key] == nil else { return "\(key) is set already in [\(sections[current].name)]" }
            sections[current].options[key] = [
                (Self.strip(value.unicodeScalars[value.unicodeScalars.index(after: mark)...]), number)
            ]
            option = key
            return nil
        }

        private mutating func begin(_ name: String) -> String? {
            option = nil
            current = places[name]
            if current != nil { return name == INIFile.defaults ? nil : "there is a section [\(name)] already; make one of both" }
            sections.append((name, [:]))
            current = sections.count - 1
            places[name] = current
            return nil
        }

        /// A section's name extends to the last bracket of the line; the rest of the line is ignored.
        private static func title(_ value: String) -> String? {
            let scalars = value.unicodeScalars
            guard scalars.first == "[", let end = scalars.lastIndex(of: "]") else { return nil }
            let title = scalars[..<end].dropFirst()
            return title.isEmpty ? nil : String(title)
        }

        static func strip(_ text: Text) -> String {
            guard let first = text.firstIndex(where: { !isBlank($0) }), let last = text.lastIndex(where: { !isBlank($0) }) else {
                return ""
            }
            return String(text[first...last])
        }

        /// Python's `str.isspace`: Unicode's, and four separators.
        private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
        }
    }
}
