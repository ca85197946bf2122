/// A hint for an unknown name: the nearest known one, or a list of all of them.
package func suggestion(for name: String, among known: [String]) -> String {
    guard let nearest = NearNames.of(name, among: known).first else {
        return "known here: \(known.sorted().joined(separator: ", "))"
    }
    return "did you mean '\(nearest)'?"
}
