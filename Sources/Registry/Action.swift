/// What an access rule can allow a principal to do with a repository. The raw values are the configuration's words.
package enum Action: String, Sendable, CaseIterable {
    /// `list` covers tags, and repositories in the catalog.
    case pull, push, delete, list
}
