/// Which file of a target names what another one declares.
struct SourceGraph {
    /// A name that is declared in one file and used in another.
    struct Reference {
        let from: SwiftSource, to: SwiftSource
        let name: Substring
        var description: String { "\(from.path) uses \(name) of \(to.path)" }
    }

    let files: [SwiftSource]
    let references: [Reference]
    /// The file of each type and function at the top level. What is private to a file is left out.
    private let owners: [Substring: SwiftSource]

    /// - Parameter files: of one target.
    init(_ files: [SwiftSource]) {
        self.files = files
        var owners: [Substring: SwiftSource] = [:]
        for file in files {
            for declaration in file.declarations
            where declaration.isTopLevel && !declaration.isPrivate && (declaration.isType || declaration.kind == "func") {
                owners[declaration.name] = file
            }
        }
        self.owners = owners
        references = files.flatMap { file in
            // A type nested here hides one of the same name elsewhere.
            let nested = Set(file.declarations.lazy.filter { $0.isType && !$0.isTopLevel }.map(\.name))
            return file.words.subtracting(nested).compactMap { word in
                owners[word].flatMap { $0.path == file.path ? nil : Reference(from: file, to: $0, name: word) }
            }
        }
    }

    func owner(of type: String) -> SwiftSource? { owners[type.prefix { $0 != "." }] }

    /// The sets of files that refer to each other in a circle (strongly connected components, by Tarjan's algorithm), by path.
    var circles: [[String]] {
        var search = CircleSearch(next: Dictionary(grouping: references, by: \.from.path).mapValues { $0.map(\.to.path) })
        for file in files { search.visit(file.path) }
        return search.circles.map { $0.sorted() }
    }
}

private struct CircleSearch {
    let next: [String: [String]]
    private(set) var circles: [[String]] = []
    private var number: [String: Int] = [:]
    private var lowest: [String: Int] = [:]
    private var stack: [String] = []

    init(next: [String: [String]]) { self.next = next }

    mutating func visit(_ file: String) {
        guard number[file] == nil else { return }
        let own = number.count
        (number[file], lowest[file]) = (own, own)
        stack.append(file)
        for other in next[file] ?? [] {
            visit(other)
            // Those that have left the stack are of another circle.
            guard stack.contains(other), let there = lowest[other], let here = lowest[file] else { continue }
            lowest[file] = min(here, there)
        }
        guard lowest[file] == own, let start = stack.firstIndex(of: file) else { return }
        if stack.count - start > 1 { circles.append(Array(stack[start...])) }
        stack.removeSubrange(start...)
    }
}
