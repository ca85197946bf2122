/// Finds the known names that somebody probably meant who wrote an unknown one.
package enum NearNames {
    /// Names with a few letters wrong, missing, too many or swapped, and those that one is the beginning of; the nearest first. Empty: none is
    /// near, and a name that is not would mislead.
    package static func of(_ name: String, among known: [String]) -> [String] {
        let written = folded(name)
        let rated = known.compactMap { candidate -> (name: String, distance: Int)? in
            let meant = folded(candidate)
            let distance = distance(written, meant)
            let isBeginning =
                min(written.count, meant.count) >= minBeginning && (meant.starts(with: written) || written.starts(with: meant))
            guard isBeginning || distance <= max(1, min(written.count, meant.count) / 3) else { return nil }
            return (candidate, distance)
        }
        return rated.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.map(\.name)
    }

    /// Letters of a beginning: `cert` for `certificate`. A shorter one is the beginning of too much.
    private static let minBeginning = 3

    /// `privateKey` and `private-key` are written for `private_key`.
    private static func folded(_ name: String) -> [Character] { name.lowercased().filter { $0 != "_" && $0 != "-" }.map { $0 } }

    /// The Levenshtein distance, with two neighbours swapped as one step.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var rows = [Array(0...b.count)]
        for (i, x) in a.enumerated() {
            var row = [i + 1]
            for (j, y) in b.enumerated() {
                var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (x == y ? 0 : 1))
                if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { best = min(best, rows[i - 1][j - 1] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
