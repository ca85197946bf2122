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

    static let maxDepth = 64

    static func tooDeep(_ line: Int) -> Document.Problem { Document.Problem(line: line, reason: "it is nested too deeply") }

    /// Reads a text to its end, or until it is nested too deeply: then libyaml's time for what follows grows with the square of the depth.
    static func checkDepth(_ text: String) throws(Document.Problem) {
        let parser = try YAMLParser(text), event = UnsafeMutablePointer<yaml_event_t>.allocate(capacity: 1)
        defer { event.deallocate() }
        var depth = 0
        while yaml_parser_parse(parser.parser, event) == 1 {
            defer { yaml_event_delete(event) }
            switch event.pointee.type {
            case YAML_STREAM_END_EVENT: return
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT: depth += 1
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: depth -= 1
            default: break
            }
            guard depth <= maxDepth else { throw tooDeep(Int(event.pointee.start_mark.line) + 1) }
        }
        throw parser.problem
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
    private var copies: [yaml_node_item_t: Copy] = [:]

    private struct Copy {
        let node: YAMLNode
        /// Levels below it.
        let height: Int
    }

    init(_ document: UnsafeMutablePointer<yaml_document_t>) { self.document = document }

    /// - Parameter index: counts from 1. That of an alias is its anchor's.
    mutating func node(_ index: yaml_node_item_t) throws(Document.Problem) -> YAMLNode { try copy(index, depth: 0).node }

    private mutating func copy(_ index: yaml_node_item_t, depth: Int) throws(Document.Problem) -> Copy {
        // Not null: the index is libyaml's own.
        let node = yaml_document_get_node(document, index)!.pointee
        let line = Int(node.start_mark.line) + 1
        let known = copies[index]
        // By an alias, a node may even contain itself.
        guard depth + (known?.height ?? 0) < YAMLParser.maxDepth else { throw YAMLParser.tooDeep(line) }
        if let known { return known }
        var below = 0
        let content: YAMLNode.Content
        switch node.type {
        case YAML_SEQUENCE_NODE:
            var items: [YAMLNode] = []
            var next = node.data.sequence.items.start
            while let item = next, item != node.data.sequence.items.top {
                items.append(try part(item.pointee, depth, &below))
                next = item + 1
            }
            content = .sequence(items)
        case YAML_MAPPING_NODE:
            var pairs: [(key: YAMLNode, value: YAMLNode)] = []
            var next = node.data.mapping.pairs.start
            while let pair = next, pair != node.data.mapping.pairs.top {
                let key = try part(pair.pointee.key, depth, &below)
                pairs.append((key, try part(pair.pointee.value, depth, &below)))
                next = pair + 1
            }
            content = .mapping(pairs)
        default: content = .scalar(Self.text(node))
        }
        let copy = Copy(node: YAMLNode(content: content, line: line, isNull: Self.isNull(node)), height: below)
        copies[index] = copy
        return copy
    }

    /// - Parameter below: levels below the whole, of which this is a part.
    private mutating func part(_ index: yaml_node_item_t, _ depth: Int, _ below: inout Int) throws(Document.Problem) -> YAMLNode {
        let part = try copy(index, depth: depth + 1)
        below = max(below, part.height + 1)
        return part.node
    }

    private static func text(_ scalar: yaml_node_t) -> String {
        String(decoding: UnsafeBufferPointer(start: scalar.data.scalar.value, count: scalar.data.scalar.length), as: UTF8.self)
    }

    private static func isNull(_ node: yaml_node_t) -> Bool {
        guard node.type == YAML_SCALAR_NODE, node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text(node))
    }
}
