import Foundation
import Yams

/// A mapping of the file while it is read: each key is taken by its name, and what nobody took is unknown.
final class Section {
    let place: Place
    private let problems: ProblemList
    private let environment: [String: String]
    private var entries: [String: (line: Int, value: Node)] = [:]
    private var known: Set<String> = []
    /// What `string` has read, variables put in.
    private var texts: [String: String] = [:]

    /// A node that is no mapping is a problem, and reads as an empty one.
    init(_ node: Node, at place: Place, problems: ProblemList, environment: [String: String]) {
        (self.place, self.problems, self.environment) = (place, problems, environment)
        guard let mapping = node.mapping else {
            problems.add(place, "this is not a mapping; write key: value")
            return
        }
        for (key, value) in mapping {
            let name = key.string ?? ""
            let line = key.mark?.line ?? place.line
            guard let repeated = Document.repeatedKey(name) else {
                entries[name] = (line, value)
                continue
            }
            problems.add(place.inside(repeated, line: line), "this key is here more than once; keep one")
        }
    }

    func place(of key: String) -> Place { place.inside(key, line: entries[key]?.line) }

    func has(_ key: String) -> Bool { entries[key] != nil }

    func problem(_ key: String, _ what: String) { problems.add(place(of: key), what) }

    /// The value in quotes as the file writes it: what a variable stands for may be secret.
    func written(_ key: String) -> String { "'\(entries[key]?.value.scalar?.string ?? "")'" }

    /// What was read before, without telling its problems again.
    func text(_ key: String) -> String? { texts[key] }

    /// A key without a value is a problem: it would read as if it were absent, and `tls:` without its lines as plain HTTP.
    private func take(_ key: String) -> Node? {
        known.insert(key)
        guard let node = entries[key]?.value else { return nil }
        guard node.null == nil else {
            problem(key, "there is no value; write one, or leave the key out")
            return nil
        }
        return node
    }

    /// Every key that nobody asked for, with the nearest that somebody did.
    func finish() {
        for key in entries.keys where !known.contains(key) {
            problem(key, "unknown key; \(suggestion(for: key, among: Array(known)))")
        }
    }

    // MARK: Values

    func string(_ key: String) -> String? {
        guard let node = take(key), let text = string(node, at: place(of: key)) else { return nil }
        texts[key] = text
        return text
    }

    private func string(_ node: Node, at place: Place) -> String? {
        guard let text = node.scalar?.string else {
            problems.add(place, "this is a list or a mapping; write one value")
            return nil
        }
        return substituted(text, at: place)
    }

    func required(_ key: String, _ allowed: String) -> String? {
        if !has(key) { problem(key, "missing; write \(allowed)") }
        return string(key)
    }

    func one<Value: RawRepresentable & CaseIterable>(_ key: String, of: Value.Type) -> Value? where Value.RawValue == String {
        guard let text = string(key) else { return nil }
        if let value = Value(rawValue: text) { return value }
        problem(key, "\(written(key)) is not known; use \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    func flag(_ key: String) -> Bool? {
        guard let text = string(key) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        problem(key, "\(written(key)) is neither; write true or false")
        return nil
    }

    func count(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = string(key) else { return nil }
        if let value = Int(text), range.contains(value) { return value }
        problem(key, "\(written(key)) is not allowed; write a whole number from \(range.lowerBound) to \(range.upperBound)")
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
        case .success: problem(key, "\(written(key)) is out of bounds; allowed are \(bounds)")
        case .failure(.noUnit):
            let bare = written(key).dropFirst().dropLast()
            problem(key, "\(bare) has no unit; write \(bare)\(units.usual)")
        case .failure(.unknown): problem(key, "\(written(key)) is not a number with a unit; units are \(units.names)")
        }
        return nil
    }

    // MARK: Lists and mappings

    /// - Parameter refusal: what is wrong with an item, after its quotation; nil when nothing is.
    func strings(_ key: String, refusal: (String) -> String?) -> [String]? {
        guard let node = take(key) else { return nil }
        guard let sequence = node.sequence else {
            problem(key, "this is not a list; write [a, b]")
            return nil
        }
        return sequence.enumerated().compactMap { index, item in
            let place = place(of: key).item(index, line: item.mark?.line)
            guard let text = string(item, at: place) else { return nil }
            if let refused = refusal(text) { problems.add(place, "'\(item.scalar?.string ?? "")' \(refused)") }
            return text
        }
    }

    /// A list of what each item's text makes; nil also where one makes nothing.
    /// - Parameter problem: what is wrong with an item that makes nothing, after its quotation.
    func values<Value>(_ key: String, make: (String) -> Value?, problem: (String) -> String) -> [Value]? {
        var values: [Value] = []
        let texts = strings(key) { text in
            guard let value = make(text) else { return problem(text) }
            values.append(value)
            return nil
        }
        return texts.flatMap { $0.count == values.count ? values : nil }
    }

    /// A mapping whose keys are the user's own.
    func table(_ key: String, refusal: (_ name: String, _ value: String) -> String? = { _, _ in nil }) -> [String: String] {
        guard let section = section(key) else { return [:] }
        var table: [String: String] = [:]
        for name in section.entries.keys {
            guard let value = section.string(name) else { continue }
            table[name] = value
            if let refused = refusal(name, value) { section.problem(name, "\(section.written(name)) \(refused)") }
        }
        return table
    }

    func section(_ key: String) -> Section? {
        guard let node = take(key) else { return nil }
        return Section(node, at: place(of: key), problems: problems, environment: environment)
    }

    /// A list of mappings.
    func sections(_ key: String) -> [Section]? {
        guard let node = take(key) else { return nil }
        guard let sequence = node.sequence else {
            problem(key, "this is not a list; write - key: value")
            return nil
        }
        return sequence.enumerated().map { index, item in
            Section(item, at: place(of: key).item(index, line: item.mark?.line), problems: problems, environment: environment)
        }
    }

    /// `${NAME}` out of the environment; nil when there is no such variable. `$2b$…` of a password's hash is none.
    private func substituted(_ text: String, at place: Place) -> String? {
        var result = ""
        var rest = text[...]
        var isWhole = true
        while let start = rest.range(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                problems.add(place, "'${' has no '}'; write ${NAME}")
                return nil
            }
            let name = String(rest[start.upperBound..<end])
            if let value = environment[name]?.withoutLineEnd {
                result += value
            } else {
                problems.add(place, "the environment has no variable '\(name)'; set it, or write the value here")
                isWhole = false
            }
            rest = rest[rest.index(after: end)...]
        }
        return isWhole ? result + rest : nil
    }
}
