/// Prometheus' text format 0.0.4: metrics, each with its samples.
struct Exposition {
    typealias Labels = [(String, String)]
    typealias Sample = (labels: Labels, value: String)

    private(set) var text = ""

    mutating func metric(_ name: String, _ type: String, _ help: String, _ samples: [Sample]) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    /// One label set of a histogram whose head `metric` has written.
    /// - Parameters:
    ///   - bounds: upper bounds; `counts` has one more, for what is above them all.
    ///   - sum: of all values.
    mutating func histogram(_ name: String, _ labels: Labels, bounds: [Double], counts: [Int], sum: Double) {
        var total = 0
        for (bucket, count) in counts.enumerated() {
            total += count
            let bound = bucket < bounds.count ? "\(bounds[bucket])" : "+Inf"
            line(name + "_bucket", labels + [("le", bound)], String(total))
        }
        line(name + "_sum", labels, "\(sum)")
        line(name + "_count", labels, String(total))
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
        let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
    }

    /// By scalars: a quote with a combining accent, or a line feed after a carriage return, is a single `Character`.
    private static func escaped(_ value: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": result.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
