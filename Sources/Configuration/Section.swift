import Yams

/// A mapping of the configuration file. Readers ask for each key by its name; `finish` then reports the keys that nobody asked for.
final class Section {
    let location: KeyLocation
    private let problems: ProblemList
    private let environment: [String: String]
    private var entries: [String: (line: Int, value: Node)] = [:]
    private var known: Set<String> = []
    /// The values that `string` has read, with variables replaced.
    private var texts: [String: String] = [:]

    /// Reports a node that is not a mapping, and then has no keys.
    init(_ node: Node, at location: KeyLocation, problems: ProblemList, environment: [String: String]) {
        (self.location, self.problems, self.environment) = (location, problems, environment)
        guard let mapping = node.mapping else {
            problems.add(location, "this is not a mapping; write key: value")
            return
        }
        for (key, value) in mapping {
            let name = key.string ?? ""
            let line = key.mark?.line ?? location.line
            guard let repeated = Document.repeatedKey(name) else {
                entries[name] = (line, value)
                continue
            }
            problems.add(location.inside(repeated, line: line), "this key is here more than once; keep one")
        }
    }

    func location(of key: String) -> KeyLocation { location.inside(key, line: entries[key]?.line) }

    func has(_ key: String) -> Bool { entries[key] != nil }

    func problem(_ key: String, _ problem: String) { problems.add(location(of: key), problem) }

    /// The value in quotes as the file has it: `${NAME}` stays, since a variable's value may be secret.
    func quoted(_ key: String) -> String { "'\(entries[key]?.value.scalar?.string ?? "")'" }

    /// A value that `string` has read. Unlike `string`, this reports no problems again.
    func readText(_ key: String) -> String? { texts[key] }

    /// Reports a key without a value: it would count as absent, and `tls:` without its lines as plain HTTP.
    private func node(_ key: String) -> Node? {
        known.insert(key)
        guard let node = entries[key]?.value else { return nil }
        guard node.null == nil else {
            problem(key, "there is no value; write one, or remove the key")
            return nil
        }
        return node
    }

    /// Reports each key that nobody asked for, with the nearest known name.
    func finish() {
        for key in entries.keys where !known.contains(key) {
            problem(key, "unknown key; \(suggestion(for: key, among: Array(known)))")
        }
    }

    // MARK: Values. Each is nil when the key is absent or its value invalid; the latter is reported.

    func string(_ key: String) -> String? {
        guard let node = node(key), let text = string(node, at: location(of: key)) else { return nil }
        texts[key] = text
        return text
    }

    private func string(_ node: Node, at location: KeyLocation) -> String? {
        guard let text = node.scalar?.string else {
            problems.add(location, "this is a list or a mapping; write one value")
            return nil
        }
        return replacingVariables(of: text, at: location)
    }

    func required(_ key: String, _ allowed: String) -> String? {
        if !has(key) { problem(key, "missing; write \(allowed)") }
        return string(key)
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, of: Value.Type) -> Value? where Value.RawValue == String {
        guard let text = string(key) else { return nil }
        if let value = Value(rawValue: text) { return value }
        problem(key, "\(quoted(key)) is not known; use \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    func flag(_ key: String) -> Bool? {
        guard let text = string(key) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        problem(key, "\(quoted(key)) is neither; write true or false")
        return nil
    }

    func count(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = string(key) else { return nil }
        if let value = Int(text), range.contains(value) { return value }
        problem(key, "\(quoted(key)) is not allowed; write a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        quantity(key, Units.duration, in: range, "\(Units.text(range.lowerBound)) to \(Units.text(range.upperBound))")
    }

    /// Bytes.
    func size(_ key: String, in range: ClosedRange<Int>) -> Int? {
        quantity(key, Units.size, in: range, "\(Units.text(bytes: range.lowerBound)) to \(Units.text(bytes: range.upperBound))")
    }

    private func quantity<Value: Comparable>(_ key: String, _ units: Units<Value>, in range: ClosedRange<Value>, _ bounds: String)
        -> Value?
    {
        guard let text = string(key) else { return nil }
        switch units.parse(text) {
        case .success(let value) where range.contains(value): return value
        case .success: problem(key, "\(quoted(key)) is out of bounds; allowed are \(bounds)")
        case .failure(.noUnit):
            let bare = quoted(key).dropFirst().dropLast()
            problem(key, "\(bare) has no unit; write \(bare)\(units.usual)")
        case .failure(.unknown): problem(key, "\(quoted(key)) is not a number with a unit; units are \(units.names)")
        }
        return nil
    }

    // MARK: Files

    /// The path of a file that can be read.
    func path(_ key: String) -> String? { usable(key, string(key)) { Files.isReadable($0) ? $0 : nil } }

    func requiredPath(_ key: String, _ allowed: String) -> String? {
        usable(key, required(key, allowed)) { Files.isReadable($0) ? $0 : nil }
    }

    /// The text of the file that the key names.
    /// - Parameter isSecret: keeps the value out of the message: somebody may have written the secret itself in place of a path.
    func fileText(_ key: String, isSecret: Bool = false) -> String? { usable(key, string(key), isSecret: isSecret, Files.text) }

    private func usable(_ key: String, _ path: String?, isSecret: Bool = false, _ use: (String) -> String?) -> String? {
        guard let path else { return nil }
        if let result = use(path) { return result }
        let shown = isSecret ? "this file" : quoted(key)
        problem(key, "\(shown) \(Files.problem(with: path)); name \(Files.allowed)")
        return nil
    }

    // MARK: Lists and mappings

    /// A list whose items are parsed; nil also when one of them is invalid.
    /// - Parameter problem: what is wrong with an item that cannot be parsed; to be written after the item in quotes.
    func values<Value>(_ key: String, parse: (String) -> Value?, problem: (String) -> String) -> [Value]? {
        guard let node = node(key) else { return nil }
        guard let sequence = node.sequence else {
            self.problem(key, "this is not a list; write [a, b]")
            return nil
        }
        let values = sequence.enumerated().map { index, item -> Value? in
            let location = location(of: key).item(index, line: item.mark?.line)
            guard let text = string(item, at: location) else { return nil }
            if let value = parse(text) { return value }
            problems.add(location, "'\(item.scalar?.string ?? "")' \(problem(text))")
            return nil
        }
        return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
    }

    /// A mapping whose keys are the user's own, in the file's order.
    /// - Parameter problem: what is wrong with an entry; nil: nothing.
    @discardableResult
    func table(_ key: String, problem: (_ name: String, _ value: String) -> String? = { _, _ in nil }) -> [String: String] {
        guard let section = section(key) else { return [:] }
        var table: [String: String] = [:]
        for (name, _) in section.entries.sorted(by: { ($0.value.line, $0.key) < ($1.value.line, $1.key) }) {
            guard let value = section.string(name) else { continue }
            table[name] = value
            if let text = problem(name, value) { section.problem(name, text) }
        }
        return table
    }

    func section(_ key: String) -> Section? {
        guard let node = node(key) else { return nil }
        return Section(node, at: location(of: key), problems: problems, environment: environment)
    }

    /// A list of mappings.
    func sections(_ key: String) -> [Section]? {
        guard let node = node(key) else { return nil }
        guard let sequence = node.sequence else {
            problem(key, "this is not a list; write - key: value")
            return nil
        }
        return sequence.enumerated().map { index, item in
            Section(item, at: location(of: key).item(index, line: item.mark?.line), problems: problems, environment: environment)
        }
    }

    /// Replaces `${NAME}` by the environment's value; nil when a variable is not set. A `$` without a brace, as in password hashes, stays.
    private func replacingVariables(of text: String, at location: KeyLocation) -> String? {
        var result = ""
        var rest = text[...]
        var isComplete = true
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                problems.add(location, "'${' has no '}'; write ${NAME}")
                return nil
            }
            let name = String(rest[start.upperBound..<end])
            if let value = environment[name]?.withoutLineEnd {
                result += value
            } else {
                problems.add(location, "the environment variable \(name) is not set; set it, or write the value here")
                isComplete = false
            }
            rest = rest[rest.index(after: end)...]
        }
        return isComplete ? result + rest : nil
    }
}
