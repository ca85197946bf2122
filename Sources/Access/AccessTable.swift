import Registry

/// An `access` list, compiled at load: a decision takes the same time whether there are ten rules or ten thousand. Shared by the users who have
/// the same list.
package final class AccessTable: Sendable {
    /// As in the configuration.
    let rules: [AccessRule]
    private let places: PlaceTable
    /// By the numbers of `places`.
    private let globs: [GlobTable]

    /// - Parameter rules: in the configuration's order.
    package init(_ rules: [AccessRule]) {
        self.rules = rules
        let places = PlaceTable(rules.map { PlaceTable.Condition(host: $0.host, namespace: $0.namespace) })
        var groups = [[(position: Int, rule: AccessRule)]](repeating: [], count: places.count)
        for (position, rule) in rules.enumerated() { groups[places.members[position]].append((position, rule)) }
        self.places = places
        globs = groups.map(GlobTable.init)
    }

    /// The position of the first rule that allows one of the actions; nil: no rule does.
    /// - Parameter repository: nil (the catalog): any.
    func first(allowing actions: ActionSet, on repository: Repository?, at place: Place) -> Int? {
        let numbers = places.covering(place)
        var first = Int32.max
        for position in 0..<numbers.count {
            first = min(first, globs[numbers[position]].first(allowing: actions, on: repository))
        }
        return first < .max ? Int(first) : nil
    }
}
