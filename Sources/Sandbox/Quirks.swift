/// The current state of the quirks. Confined to the sandbox's loop.
final class Quirks {
    private var states: [Quirk: Bool]

    init(_ changes: [Quirk: Bool]) {
        states = Dictionary(uniqueKeysWithValues: Quirk.allCases.map { ($0, $0.isOnByDefault) }).merging(changes) { $1 }
    }

    subscript(_ quirk: Quirk) -> Bool {
        get { states[quirk] ?? quirk.isOnByDefault }
        set { states[quirk] = newValue }
    }

    var byName: [String: Bool] { Dictionary(uniqueKeysWithValues: Quirk.allCases.map { ($0.rawValue, self[$0]) }) }
}
