/// A value of a YAML document, with its place in the text.
struct YAMLNode {
    enum Content {
        case scalar(String), sequence([YAMLNode])
        /// In the text's order; a key may be there more than once.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    let content: Content
    /// Counts from 1.
    let line: Int
    /// There is no value, or one that stands for none; in quotes it would be text.
    var isNull = false

    /// A document without keys.
    static let emptyMapping = YAMLNode(content: .mapping([]), line: 1)

    var string: String? { if case .scalar(let text) = content { text } else { nil } }
    var sequence: [YAMLNode]? { if case .sequence(let items) = content { items } else { nil } }
    var mapping: [(key: YAMLNode, value: YAMLNode)]? { if case .mapping(let pairs) = content { pairs } else { nil } }
}
