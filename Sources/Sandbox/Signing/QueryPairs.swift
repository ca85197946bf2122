/// The names and values of a query or of an HTML form.
enum QueryPairs {
    /// `a=1&b` → (a, 1), (b, ""), still encoded.
    static func split(_ query: String) -> [(String, String)] {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }
}
