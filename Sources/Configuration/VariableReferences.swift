/// References to variables of the environment in a value: `${NAME}`.
enum VariableReferences {
    /// Replaces each reference by the variable's value. A `$` without a brace, as in password hashes, stays.
    static func replace(in text: String, from environment: [String: String]) -> Result<String, ConfigurationProblems> {
        var result = ""
        var rest = text[...]
        var problems: [String] = []
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                problems.append("'${' has no '}'; write ${NAME}")
                break
            }
            let name = String(rest[start.upperBound..<end])
            if let value = environment[name]?.withoutLineEnd {
                result += value
            } else {
                problems.append("the environment variable \(name) is not set; set it, or write the value here")
            }
            rest = rest[rest.index(after: end)...]
        }
        return problems.isEmpty ? .success(result + rest) : .failure(ConfigurationProblems(lines: problems))
    }
}
