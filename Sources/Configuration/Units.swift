/// Why a duration or a size cannot be read.
struct UnitError: Error {
    let text: String
}

/// `30s` and `64KiB`. A number without its unit says nothing, so it is refused.
enum Units {
    static func duration(_ text: String) -> Result<Duration, UnitError> {
        let units: [(String, (Int) -> Duration)] = [
            ("ms", { .milliseconds($0) }), ("s", { .seconds($0) }), ("m", { .seconds($0 * 60) }), ("h", { .seconds($0 * 3600) }),
        ]
        return parse(text, units, example: "s", allowed: "ms, s, m, h")
    }

    static func size(_ text: String) -> Result<Int, UnitError> {
        let units: [(String, (Int) -> Int)] = [("KiB", { $0 << 10 }), ("MiB", { $0 << 20 }), ("GiB", { $0 << 30 }), ("B", { $0 })]
        return parse(text, units, example: "KiB", allowed: "B, KiB, MiB, GiB")
    }

    private static func parse<Value>(_ text: String, _ units: [(String, (Int) -> Value)], example: String, allowed: String)
        -> Result<
            Value, UnitError
        >
    {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        // A billion of any unit is past every bound, and far from overflowing.
        guard let number = Int(digits), number <= 1_000_000_000 else {
            return .failure(UnitError(text: "'\(text)' is not a number with a unit; units are \(allowed)"))
        }
        let unit = text.dropFirst(digits.count)
        if let (_, make) = units.first(where: { $0.0 == unit }) { return .success(make(number)) }
        return .failure(
            UnitError(
                text: unit.isEmpty
                    ? "\(text) has no unit; write \(text)\(example)" : "'\(unit)' is not a unit; units are \(allowed)"))
    }

    static func text(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        if seconds == 0 { return "\(duration.components.attoseconds / 1_000_000_000_000_000)ms" }
        return seconds % 3600 == 0 ? "\(seconds / 3600)h" : seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}
