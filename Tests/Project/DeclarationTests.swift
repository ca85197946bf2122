import Testing

/// How files and declarations look.
struct DeclarationTests {
    /// Lines of a file.
    private static let maxLines = 250

    @Test func `no file below Sources is longer than 250 lines`() throws {
        for file in try Project.sources.get() where file.lines.count - 1 > Self.maxLines {
            Issue.record("\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test func `no type is spread over extensions in several files`() throws {
        for (target, files) in Dictionary(grouping: try Project.sources.get(), by: \.target) {
            let graph = SourceGraph(files)
            var extending: [String: [String]] = [:]
            for file in files {
                for type in Set(file.extensions) {
                    if let owner = graph.owner(of: type) {
                        if owner.path != file.path { Issue.record("\(file.path) extends \(type) of \(owner.path)") }
                    } else {
                        extending[type, default: []].append(file.path)
                    }
                }
            }
            // Types of other modules.
            for (type, files) in extending where files.count > 1 {
                Issue.record("\(target) extends \(type) in \(files.joined(separator: " and "))")
            }
        }
    }

    @Test func `what the compiler is told to trust has its reason at hand`() throws {
        let trusted = ["@unchecked Sendable", "nonisolated(unsafe)", "try!", "as!", "fatalError("]
        for file in try Project.sources.get() {
            for (number, line) in file.lines.enumerated() where trusted.contains(where: line.contains) && !line.contains("///") {
                // On the line, or in the comment that ends above the declaration.
                let above = file.lines[max(0, number - 6)..<number]
                #expect(line.contains("//") || above.contains { $0.contains("//") }, "\(file.path):\(number + 1)")
            }
        }
    }

    // MARK: Comments

    /// Members that a protocol asks for and documents.
    private static let witnesses: Set<Substring> = [
        "description", "debugDescription", "customMirror",  // of the standard library
        "", "hash", "encode",  // operators (== and <), Hashable, Encodable
        "unownedExecutor", "enqueue", "checkIsolated", "isIsolatingCurrentContext", "run",  // executors
        "loop",  // ConnectionHost, and each actor of a loop
    ]

    @Test func `each package declaration has a comment`() throws {
        for file in try Project.sources.get() {
            for declaration in Self.uncommented(file) {
                Issue.record("\(file.path):\(declaration.line + 1) \(declaration.kind) \(declaration.name)")
            }
        }
    }

    private static func uncommented(_ file: SwiftSource) -> [SwiftSource.Declaration] {
        /// Lines of properties that have a comment. It also covers those on the lines that follow.
        var covered: Set<Int> = []
        return file.declarations.filter { declaration in
            var above = declaration.line - 1
            while above >= 0, file.lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
            let isProperty =
                (declaration.kind == "let" || declaration.kind == "var") && !file.code[declaration.line].contains("{")
            let hasComment =
                above >= 0 && file.lines[above].drop(while: { $0 == " " }).hasPrefix("///")
                || isProperty && covered.contains(declaration.line - 1)
            if hasComment, isProperty { covered.insert(declaration.line) }
            return !hasComment && declaration.modifiers.contains("package") && !witnesses.contains(declaration.name)
                && !isMemberwise(declaration, file)
        }
    }

    /// An initialiser that cannot fail and whose parameters are properties: their comments say what there is to say.
    private static func isMemberwise(_ declaration: SwiftSource.Declaration, _ file: SwiftSource) -> Bool {
        guard declaration.kind == "init", let start = file.code[declaration.line].firstMatch(of: /init\(/)?.range else {
            return false
        }
        var depth = 1
        let rest = file.code[declaration.line][start.upperBound...] + file.code[(declaration.line + 1)...].prefix(20).joined()
        let parameters = rest.prefix { character in
            depth += "([".contains(character) ? 1 : ")]".contains(character) ? -1 : 0
            return depth > 0
        }
        let properties = Set(
            file.declarations.lazy.filter { $0.kind == "let" || $0.kind == "var" }
                .flatMap { file.code[$0.line].matches(of: #/\w+/#).map(\.0) })
        let labels = parameters.replacing(#/[\(\[][^\)\]]*[\)\]]/#, with: "").matches(of: #/(?:^|,)\s*(\w+)(?: \w+)?\s*:/#).map(\.1)
        let isThrowing = rest.dropFirst(parameters.count).prefix { $0 != "{" }.contains("throws")
        return !isThrowing && labels.allSatisfy { properties.contains(Substring($0)) }
    }

    // MARK: Tests

    @Test func `a test's name is a sentence`() throws {
        for file in try Project.tests.get() {
            for (number, line) in file.code.enumerated() where line.contains("@Test") {
                let rest = file.code[number...].prefix(60).joined(separator: "\n")
                let name = rest.firstMatch(of: #/@Test\b[\s\S]*?\bfunc (`[^`]*`|\w+)/#)?.1 ?? ""
                if !name.hasPrefix("`") || !name.contains(" ") { Issue.record("\(file.path):\(number + 1) \(name)") }
            }
        }
    }
}
