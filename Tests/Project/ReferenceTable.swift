import Configuration

/// The reference of the configuration as the README shows it: a table.
struct ReferenceTable {
    let rows: [ConfigurationReference.Row]

    init(_ rows: [ConfigurationReference.Row]) { self.rows = rows }

    var markdown: String {
        (["| key | meaning | allowed | default |", "|---|---|---|---|"]
            + rows.map { row in
                let cells = ["`\(row.key)`", row.meaning, row.allowed, row.standard].map { $0.replacing("|", with: "\\|") }
                return "| \(cells.joined(separator: " | ")) |"
            }).map { $0 + "\n" }.joined()
    }
}
