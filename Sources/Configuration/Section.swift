import Yams

/// A mapping of the file while it is read: each key is taken by its name, and what nobody took is unknown.
final class Section {
    let place: Place
    private let problems: ProblemList
    private let environment: [String: String]
    private var values: [String: Node] = [:]
    private var taken: Set<String> = []
    private var known: [String] = []

    /// A node that is no mapping is a problem, and reads as an empty one.
    init(_ node: Node, at place: Place, problems: ProblemList, environment: [String: String]) {
        (self.place, self.problems, self.environment) = (place, problems, environment)
        guard let mapping = node.mapping else {
            if node.null == nil { problems.add(place, "this must be a mapping (key: value)") }
            return
        }
        for (key, value) in mapping {
            let name = key.string ?? ""
            if values.updateValue(value, forKey: name) != nil {
                problems.add(self.place(of: name, at: key), "this key is here twice; keep one")
            }
        }
    }

    func place(of key: String, at node: Node? = nil) -> Place {
        let line = (node ?? values[key])?.mark?.line ?? place.line
        return Place(file: place.file, line: line, key: place.key.isEmpty ? key : "\(place.key).\(key)")
    }

    func has(_ key: String) -> Bool { values[key] != nil }

    func problem(_ key: String, _ what: String) { problems.add(place(of: key), what) }

    private func take(_ key: String) -> Node? {
        known.append(key)
        taken.insert(key)
        guard let node = values[key], node.null == nil || node.tag == .init(.str) else { return nil }
        return node
    }

    /// Every key that nobody asked for, with the nearest that somebody did.
    func finish() {
        for key in values.keys.sorted() where !taken.contains(key) {
            let nearest = known.min { distance($0, key) < distance($1, key) }
            let hint = nearest.flatMap { distance($0, key) <= max(2, key.count / 3) ? "did you mean '\($0)'?" : nil }
            problem(key, "unknown key; \(hint ?? "known here: \(known.sorted().joined(separator: ", "))")")
        }
    }

    // MARK: Values

    func string(_ key: String) -> String? {
        guard let node = take(key) else { return nil }
        return string(node, at: place(of: key))
    }

    private func string(_ node: Node, at place: Place) -> String? {
        guard let text = node.scalar?.string else {
            problems.add(place, "this must be one value")
            return nil
        }
        return substituted(text, at: place)
    }

    func required(_ key: String, _ allowed: String) -> String? {
        guard has(key) else {
            _ = take(key)
            problems.add(
                Place(file: place.file, line: place.line, key: place.key.isEmpty ? key : "\(place.key).\(key)"),
                "missing; \(allowed)")
            return nil
        }
        return string(key)
    }

    func one<Value: RawRepresentable & CaseIterable>(_ key: String, of: Value.Type) -> Value? where Value.RawValue == String {
        guard let text = string(key) else { return nil }
        if let value = Value(rawValue: text) { return value }
        problem(key, "'\(text)' is not known; use \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    func flag(_ key: String) -> Bool? {
        guard let text = string(key) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        problem(key, "'\(text)' is neither true nor false")
        return nil
    }

    func count(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = string(key) else { return nil }
        if let value = Int(text), range.contains(value) { return value }
        problem(key, "'\(text)' is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        parsed(key, Units.duration, range, "\(Units.text(range.lowerBound)) to \(Units.text(range.upperBound))")
    }

    /// Bytes.
    func size(_ key: String, in range: ClosedRange<Int>) -> Int? {
        parsed(key, Units.size, range, "\(range.lowerBound >> 10)KiB to \(range.upperBound >> 10)KiB")
    }

    private func parsed<Value: Comparable>(
        _ key: String, _ parse: (String) -> Result<Value, UnitError>, _ range: ClosedRange<Value>, _ bounds: String
    ) -> Value? {
        guard let text = string(key) else { return nil }
        switch parse(text) {
        case .success(let value) where range.contains(value): return value
        case .success: problem(key, "\(text) is out of bounds; allowed are \(bounds)")
        case .failure(let error): problem(key, error.text)
        }
        return nil
    }

    func strings(_ key: String) -> [String]? {
        guard let node = take(key) else { return nil }
        guard let sequence = node.sequence else {
            problem(key, "this must be a list ([a, b])")
            return nil
        }
        return sequence.enumerated().compactMap { index, item in
            string(item, at: Place(file: place.file, line: item.mark?.line ?? place.line, key: place(of: key).key + "[\(index)]"))
        }
    }

    func table(_ key: String) -> [String: String] {
        guard let section = section(key) else { return [:] }
        var table: [String: String] = [:]
        for name in section.values.keys.sorted() { table[name] = section.string(name) }
        return table
    }

    func section(_ key: String) -> Section? {
        guard let node = take(key) else {
            if has(key) { problem(key, "this is empty; leave the key out, or fill it in") }
            return nil
        }
        return Section(node, at: place(of: key), problems: problems, environment: environment)
    }

    /// A list of mappings.
    func sections(_ key: String) -> [Section]? {
        guard let node = take(key) else { return nil }
        guard let sequence = node.sequence else {
            problem(key, "this must be a list (- key: value)")
            return nil
        }
        return sequence.enumerated().map { index, item in
            let place = Place(file: place.file, line: item.mark?.line ?? place.line, key: place(of: key).key + "[\(index)]")
            return Section(item, at: place, problems: problems, environment: environment)
        }
    }

    /// `${NAME}` out of the environment. `$2b$…` of a password's hash is none.
    private func substituted(_ text: String, at place: Place) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.range(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                problems.add(place, "'${' has no '}'")
                return result
            }
            let name = String(rest[start.upperBound..<end])
            if let value = environment[name] {
                result += value
            } else {
                problems.add(place, "the environment has no variable \(name); set it, or write the value here")
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}

/// Levenshtein's: how many letters are between two names.
private func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            (diagonal, row[j + 1]) = (row[j + 1], min(row[j + 1] + 1, row[j] + 1, diagonal + (x == y ? 0 : 1)))
        }
    }
    return row[b.count]
}
