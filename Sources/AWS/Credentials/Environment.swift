extension [String: String] {
    /// The value without surrounding white space, which `echo` and editors leave in the files that variables are set from; nil when it is empty,
    /// as every SDK takes an empty variable for an unset one.
    func nonEmpty(_ name: String) -> String? { self[name].map(\.trimmed).flatMap { $0.isEmpty ? nil : $0 } }

    func isTrue(_ name: String) -> Bool { nonEmpty(name)?.lowercased() == "true" }

    /// The profile that the environment names, and the variable that names it.
    var chosenProfile: (variable: String, name: String)? {
        for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
            if let name = nonEmpty(variable) { return (variable, name) }
        }
        return nil
    }
}

extension StringProtocol {
    /// Without white space at either end.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
            return ""
        }
        return String(self[first...last])
    }
}
