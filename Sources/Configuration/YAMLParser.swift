import CYAML

/// libyaml's parser of a text.
struct YAMLParser: ~Copyable {
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    /// The parser reads from it until the end.
    private let text: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) throws(Document.Problem) {
        self.text = .allocate(capacity: text.utf8.count)
        _ = self.text.initialize(from: text.utf8)
        guard yaml_parser_initialize(parser) == 1 else { throw Document.Problem(line: 0, reason: "there is not enough memory") }
        yaml_parser_set_input_string(parser, self.text.baseAddress, self.text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    /// The root of the next document; nil: there are no more.
    func document() throws(Document.Problem) -> YAMLNode? {
        let document = UnsafeMutablePointer<yaml_document_t>.allocate(capacity: 1)
        defer { document.deallocate() }
        guard yaml_parser_load(parser, document) == 1 else { throw problem }
        defer { yaml_document_delete(document) }
        guard yaml_document_get_root_node(document) != nil else { return nil }
        var nodes = YAMLDocumentNodes(document)
        return try nodes.node(1)
    }

    private var problem: Document.Problem {
        let error = parser.pointee
        return Document.Problem(
            // Of a character that YAML forbids, libyaml knows the byte only.
            line: error.error == YAML_READER_ERROR ? 0 : Int(error.problem_mark.line) + 1,
            reason: error.problem.map { String(cString: $0) } ?? "it cannot be parsed")
    }
}

/// Copies the nodes of a document.
private struct YAMLDocumentNodes {
    private let document: UnsafeMutablePointer<yaml_document_t>
    /// By index: with aliases, a short text can name the same node billions of times.
    private var copies: [yaml_node_item_t: YAMLNode] = [:]

    private static let maxDepth = 64

    init(_ document: UnsafeMutablePointer<yaml_document_t>) { self.document = document }

    /// - Parameter index: counts from 1. That of an alias is its anchor's.
    mutating func node(_ index: yaml_node_item_t, depth: Int = 0) throws(Document.Problem) -> YAMLNode {
        if let copy = copies[index] { return copy }
        // Not null: the index is libyaml's own.
        let node = yaml_document_get_node(document, index)!.pointee
        let line = Int(node.start_mark.line) + 1
        // By an alias, a node may even contain itself.
        guard depth < Self.maxDepth else { throw Document.Problem(line: line, reason: "it is nested too deeply") }
        let copy = YAMLNode(content: try content(of: node, depth), line: line, isNull: Self.isNull(node))
        copies[index] = copy
        return copy
    }

    private mutating func content(of node: yaml_node_t, _ depth: Int) throws(Document.Problem) -> YAMLNode.Content {
        switch node.type {
        case YAML_SEQUENCE_NODE:
            var items: [YAMLNode] = []
            var next = node.data.sequence.items.start
            while let item = next, item != node.data.sequence.items.top {
                items.append(try self.node(item.pointee, depth: depth + 1))
                next = item + 1
            }
            return .sequence(items)
        case YAML_MAPPING_NODE:
            var pairs: [(key: YAMLNode, value: YAMLNode)] = []
            var next = node.data.mapping.pairs.start
            while let pair = next, pair != node.data.mapping.pairs.top {
                let key = try self.node(pair.pointee.key, depth: depth + 1)
                pairs.append((key, try self.node(pair.pointee.value, depth: depth + 1)))
                next = pair + 1
            }
            return .mapping(pairs)
        default: return .scalar(Self.text(node))
        }
    }

    private static func text(_ scalar: yaml_node_t) -> String {
        String(decoding: UnsafeBufferPointer(start: scalar.data.scalar.value, count: scalar.data.scalar.length), as: UTF8.self)
    }

    private static func isNull(_ node: yaml_node_t) -> Bool {
        guard node.type == YAML_SCALAR_NODE, node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text(node))
    }
}
