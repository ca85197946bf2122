/// The keys of the configuration file, as the readers ask for them: each with its meaning, what is allowed, and its default. The README's
/// reference is made from it, so it cannot differ from what is read.
package final class ConfigurationReference {
    /// A key of the file.
    package struct Row {
        /// The full key: `limits.head`; `[]` stands for each item of a list: `listeners[].address`.
        package let key: String
        /// What the key is for.
        package let meaning: String
        /// The values it may have; empty: the meaning says it.
        package let allowed: String
        /// What holds without the key; empty: there is none, or it is nothing.
        package let standard: String
    }

    /// In the order in which the keys are documented.
    private(set) var rows: [Row] = []

    func add(_ row: Row) { rows.append(row) }
}
