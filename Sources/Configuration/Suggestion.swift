/// A hint for an unknown name: the nearest known one, or a list of all of them.
func suggestion(for name: String, among known: [String]) -> String {
    let known = known.sorted()
    let nearest = known.min { distance($0, name) < distance($1, name) }
    let isNear = nearest.map { distance($0, name) <= max(2, name.count / 3) } ?? false
    return isNear ? "did you mean '\(nearest ?? "")'?" : "known here: \(known.joined(separator: ", "))"
}

/// The Levenshtein distance.
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
