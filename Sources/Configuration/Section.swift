/// A mapping of the configuration file. Readers ask for each key by its name, and say what it means; `finish` then reports the keys that nobody
/// asked for. For a `ConfigurationReference`, a section has every key, without a value, and writes down what it is asked for.
final class Section {
    let location: KeyLocation
    private let reference: ConfigurationReference?
    private let problems: ProblemList
    private let environment: [String: String]
    private var entries: [String: (line: Int, value: YAMLNode)] = [:]
    private var known: Set<String> = []
    /// The values that `string` has read, with variables replaced.
    private var texts: [String: String] = [:]

    /// Reports a node that is not a mapping, and then has no keys.
    init(_ node: YAMLNode, at location: KeyLocation, problems: ProblemList, environment: [String: String]) {
        (self.location, self.problems, self.environment, reference) = (location, problems, environment, nil)
        guard let mapping = node.mapping else {
            problems.add(location, "this is not a mapping; write key: value")
            return
        }
        for (key, value) in mapping {
            let name = key.string ?? ""
            guard let earlier = entries.updateValue((key.line, value), forKey: name) else { continue }
            problems.add(location.inside(name, line: earlier.line), "this key is here more than once; keep one")
        }
    }

    /// A section without values, which adds each key to the reference.
    init(describing reference: ConfigurationReference, key: String = "", problems: ProblemList) {
        (self.reference, self.problems, environment) = (reference, problems, [:])
        location = KeyLocation(file: "", line: 0, key: key)
    }

    private func describe(_ key: String, _ meaning: String, allowed: String = "", standard: String = "") {
        reference?.add(.init(key: location(of: key).key, meaning: meaning, allowed: allowed, standard: standard))
    }

    func location(of key: String) -> KeyLocation { location.inside(key, line: entries[key]?.line) }

    func has(_ key: String) -> Bool { entries[key] != nil || reference != nil }

    func problem(_ key: String, _ problem: String) { problems.add(location(of: key), problem) }

    /// The value in quotes as the file has it: a variable's value may be secret.
    func quoted(_ key: String) -> String { "'\(entries[key]?.value.string ?? "")'" }

    /// A value that `string` has read. Unlike `string`, this reports no problems again.
    func readText(_ key: String) -> String? { texts[key] }

    /// Reports a key without a value: it would count as absent, and `tls:` without its lines as plain HTTP.
    private func node(_ key: String) -> YAMLNode? {
        known.insert(key)
        guard let node = entries[key]?.value else { return nil }
        guard !node.isNull else {
            problem(key, "there is no value; write one, or remove the key")
            return nil
        }
        return node
    }

    /// Reports each key that nobody asked for, with the nearest known name.
    /// - Parameter elsewhere: where keys belong that people write here.
    func finish(elsewhere: [String: String] = [:]) {
        for key in entries.keys where !known.contains(key) {
            let hint = elsewhere[key].map { "it belongs to an upstream: \($0)" }
            problem(key, "unknown key; \(hint ?? suggestion(for: key, among: Array(known)))")
        }
    }

    // MARK: Values. Without a default, each is nil when the key is absent or its value invalid; the latter is reported.

    /// `meaning` says what a key is for, and `standard` what holds without it, both for the reference.
    func string(_ key: String, _ meaning: String, standard: String = "") -> String? {
        describe(key, meaning, standard: standard)
        return text(key)
    }

    private func text(_ key: String) -> String? {
        guard let node = node(key), let text = string(node, at: location(of: key)) else { return nil }
        texts[key] = text
        return text
    }

    private func string(_ node: YAMLNode, at location: KeyLocation, form: String? = nil) -> String? {
        guard let text = node.string else {
            problems.add(location, "this is a list or a mapping; write \(form ?? "one value")")
            return nil
        }
        switch VariableReferences.replace(in: text, from: environment) {
        case .success(let replaced): return replaced
        case .failure(let error):
            for line in error.lines { problems.add(location, line) }
            return nil
        }
    }

    func required(_ key: String, _ allowed: String, _ meaning: String) -> String? {
        if !has(key) { problem(key, "missing; write \(allowed)") }
        return string(key, meaning, standard: "required")
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, of: Value.Type, _ meaning: String, standard: String = "")
        -> Value?
    where Value.RawValue == String {
        describe(key, meaning, allowed: Value.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: standard)
        guard let text = text(key) else { return nil }
        if let value = Value(rawValue: text) { return value }
        problem(key, "\(quoted(key)) is not known; use \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, default standard: Value, _ meaning: String) -> Value
    where Value.RawValue == String {
        choice(key, of: Value.self, meaning, standard: "`\(standard.rawValue)`") ?? standard
    }

    func flag(_ key: String, _ meaning: String) -> Bool? {
        describe(key, meaning, allowed: "`true`, `false`")
        guard let text = text(key) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        problem(key, "\(quoted(key)) is neither; write true or false")
        return nil
    }

    func count(_ key: String, in range: ClosedRange<Int>, _ meaning: String, standard: String = "") -> Int? {
        let bounds = "\(range.lowerBound) to \(range.upperBound)"
        describe(key, meaning, allowed: bounds, standard: standard)
        guard let text = text(key) else { return nil }
        if let value = Int(text), range.contains(value) { return value }
        problem(key, "\(quoted(key)) is not allowed; write a whole number from \(bounds)")
        return nil
    }

    func count(_ key: String, default standard: Int, in range: ClosedRange<Int>, _ meaning: String) -> Int {
        count(key, in: range, meaning, standard: "\(standard)") ?? standard
    }

    func duration(_ key: String, default standard: Duration, in range: ClosedRange<Duration>, _ meaning: String) -> Duration {
        quantity(key, Units.duration, standard, in: range, meaning, Units.text)
    }

    /// Bytes.
    func size(_ key: String, default standard: Int, in range: ClosedRange<Int>, _ meaning: String) -> Int {
        quantity(key, Units.size, standard, in: range, meaning) { Units.text(bytes: $0) }
    }

    private func quantity<Value: Comparable>(
        _ key: String, _ units: Units<Value>, _ standard: Value, in range: ClosedRange<Value>, _ meaning: String,
        _ written: (Value) -> String
    ) -> Value {
        let bounds = "\(written(range.lowerBound)) to \(written(range.upperBound))"
        describe(key, meaning, allowed: bounds, standard: "`\(written(standard))`")
        guard let text = text(key) else { return standard }
        if case .success(let value) = units.parse(text), range.contains(value) { return value }
        problem(key, units.problem(with: text, quoted: quoted(key), bounds: bounds))
        return standard
    }

    // MARK: Files

    /// The path of a file that can be read.
    /// - Parameter allowed: for a required key, what to write; nil: the key is optional.
    func path(_ key: String, required allowed: String? = nil, _ meaning: String) -> String? {
        usable(key, allowed.map { required(key, $0, meaning) } ?? string(key, meaning)) { Files.isReadable($0) ? $0 : nil }
    }

    /// The text of the file that the key names.
    /// - Parameter isSecret: keeps the value out of the message: somebody may have written the secret itself in place of a path.
    func fileText(_ key: String, isSecret: Bool = false, _ meaning: String, standard: String = "") -> String? {
        usable(key, string(key, meaning, standard: standard), isSecret: isSecret, Files.text)
    }

    private func usable(_ key: String, _ path: String?, isSecret: Bool = false, _ use: (String) -> String?) -> String? {
        guard let path else { return nil }
        problems.files.add(path)
        if let result = use(path) { return result }
        problem(key, "\(isSecret ? "this file" : quoted(key)) \(Files.problem(with: path)); name \(Files.allowed)")
        return nil
    }

    // MARK: Lists and mappings

    /// A list whose items are parsed; nil also when one of them is invalid.
    /// - Parameters:
    ///   - form: what to write, where this is no list of values; nil: any list.
    ///   - problem: what is wrong with an item, to be written after it.
    func values<Value>(
        _ key: String, _ meaning: String, standard: String = "", form: String? = nil, parse: (String) -> Value?,
        problem: (String) -> String
    ) -> [Value]? {
        describe(key, meaning, standard: standard)
        let values = list(key, like: form ?? "[a, b]")?.enumerated().map { index, item -> Value? in
            let location = location(of: key).item(index, line: item.line)
            guard let text = string(item, at: location, form: form) else { return nil }
            if let value = parse(text) { return value }
            problems.add(location, "'\(item.string ?? "")' \(problem(text))")
            return nil
        }
        return values.flatMap { $0.contains { $0 == nil } ? nil : $0.compactMap { $0 } }
    }

    private func list(_ key: String, like example: String) -> [YAMLNode]? {
        guard let node = node(key) else { return nil }
        if node.sequence == nil { problem(key, "this is not a list; write \(example)") }
        return node.sequence
    }

    /// A mapping whose keys are the user's own, in the file's order.
    /// - Parameter problem: what is wrong with an entry; nil: nothing.
    @discardableResult
    func table(
        _ key: String, _ meaning: String, problem: (_ name: String, _ value: String) -> String? = { _, _ in nil }
    ) -> [String: String] {
        describe(key, meaning)
        guard let node = node(key) else { return [:] }
        let section = section(of: node, key)
        var table: [String: String] = [:]
        for (name, _) in section.entries.sorted(by: { ($0.value.line, $0.key) < ($1.value.line, $1.key) }) {
            guard let value = section.text(name) else { continue }
            table[name] = value
            if let text = problem(name, value) { section.problem(name, text) }
        }
        return table
    }

    /// - Parameter meaning: nil: the keys in it say enough.
    func section(_ key: String, _ meaning: String? = nil) -> Section? {
        if let meaning { describe(key, meaning) }
        if let reference { return Section(describing: reference, key: location(of: key).key, problems: problems) }
        return node(key).map { section(of: $0, key) }
    }

    private func section(of node: YAMLNode, _ key: String) -> Section {
        Section(node, at: location(of: key), problems: problems, environment: environment)
    }

    /// A list of mappings.
    /// - Parameter isLikeAnother: the reference describes the keys of such mappings at another key.
    func sections(_ key: String, _ meaning: String? = nil, isLikeAnother: Bool = false) -> [Section]? {
        if let meaning { describe(key, meaning) }
        if let reference {
            return isLikeAnother ? [] : [Section(describing: reference, key: location(of: key).key + "[]", problems: problems)]
        }
        return list(key, like: "- key: value")?.enumerated().map { index, item in
            Section(item, at: location(of: key).item(index, line: item.line), problems: problems, environment: environment)
        }
    }
}
