/// What an access rule can allow a principal to do with a repository. The raw values are the configuration's words.
package enum Action: String, Sendable, CaseIterable {
    /// `list` covers tags, and repositories in the catalog.
    case pull, push, delete, list
}

/// Some actions, a bit each: comparing them costs nothing.
package struct ActionSet: OptionSet, Sendable, Hashable {
    /// A bit for each action, in the order of `Action.allCases`.
    package let rawValue: UInt8

    /// - Parameter rawValue: a bit for each action.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// One action.
    package init(_ action: Action) {
        switch action {
        case .pull: self = .pull
        case .push: self = .push
        case .delete: self = .delete
        case .list: self = .list
        }
    }

    /// Those of a rule.
    package init(_ actions: Set<Action>) { self = actions.reduce(into: []) { $0.formUnion(ActionSet($1)) } }

    /// As `Action`.
    package static let pull = ActionSet(rawValue: 1), push = ActionSet(rawValue: 2), delete = ActionSet(rawValue: 4),
        list = ActionSet(rawValue: 8)
}
