/// Why a duration or a size cannot be read.
enum UnitError: Error {
    case noUnit, unknown
}

/// Reads a number with its unit, as `30s` or `64KiB`. A number without a unit is ambiguous and rejected.
struct Units<Value: Sendable>: Sendable {
    private let makers: [(name: String, make: @Sendable (Int) -> Value)]
    /// The unit to suggest for a number without one.
    let usual: String

    var names: String { makers.map(\.name).joined(separator: ", ") }

    func parse(_ text: String) -> Result<Value, UnitError> {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        // A billion of any unit is above every bound, and cannot overflow.
        guard let number = Int(digits), number <= 1_000_000_000 else { return .failure(.unknown) }
        let unit = text.dropFirst(digits.count)
        if let known = makers.first(where: { $0.name == unit }) { return .success(known.make(number)) }
        return .failure(unit.isEmpty ? .noUnit : .unknown)
    }

    /// What is wrong with a text that cannot be read, or whose value is out of bounds.
    /// - Parameter quoted: the text as the file has it.
    func problem(with text: String, quoted: String, bounds: String) -> String {
        switch parse(text) {
        case .success: "\(quoted) is out of bounds; allowed are \(bounds)"
        case .failure(.noUnit):
            "\(quoted.dropFirst().dropLast()) has no unit; write \(quoted.dropFirst().dropLast())\(usual)"
        case .failure(.unknown): "\(quoted) is not a number with a unit; units are \(names)"
        }
    }
}

extension Duration {
    /// As a configuration file has it: `30m`.
    package var asConfigured: String { Units.text(self) }
}

extension Units where Value == Duration {
    static let duration = Units(
        makers: [
            ("ms", { .milliseconds($0) }), ("s", { .seconds($0) }), ("m", { .seconds($0 * 60) }), ("h", { .seconds($0 * 3600) }),
        ], usual: "s")

    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        if attoseconds > 0 { return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms" }
        if seconds == 0 { return "0s" }
        return seconds % 3600 == 0 ? "\(seconds / 3600)h" : seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}

extension Units where Value == Int {
    /// Bytes.
    static let size = Units(
        makers: [
            ("B", { $0 }), ("KiB", { $0 << 10 }), ("MiB", { $0 << 20 }), ("GiB", { $0 << 30 }),
            // A billion of these would overflow.
            ("TiB", { min($0, 1 << 22) << 40 }),
        ], usual: "KiB")

    static func text(bytes: Int) -> String {
        if bytes > 0, bytes % (1 << 40) == 0 { return "\(bytes >> 40)TiB" }
        if bytes > 0, bytes % (1 << 30) == 0 { return "\(bytes >> 30)GiB" }
        return bytes % (1 << 20) == 0 ? "\(bytes >> 20)MiB" : bytes % (1 << 10) == 0 ? "\(bytes >> 10)KiB" : "\(bytes)B"
    }
}
