import Testing

/// What the other tests here read code with.
struct SwiftCodeTests {
    @Test(arguments: [
        ("let a = 1 // Door", "let a = 1 "),
        ("/// Door\nlet a: Site", "\nlet a: Site"),
        ("a /* Door /* b */\n Site */ c", "a \n c"),
        (#"f("Door // \(Site.x) \n", b)"#, #"f( (Site.x) "", b)"#),
        (##"f(#"Door "quoted" \(no)"#, b)"##, #"f("", b)"#),
        ("let a = \"\"\"\n    Door\n    \"\"\"\nb", "let a = \n\n\"\"\nb"),
        (#"text.matches(of: /"Door" \/ [a-z]/)"#, #"text.matches(of: "")"#),
        (##"text.matches(of: #/"Door"/#)"##, #"text.matches(of: "")"#),
        ("Int(size) / 2 - a / b", "Int(size) / 2 - a / b"),
        ("func `a // \"path\" of its`() {}", "func `a // \"path\" of its`() {}"),
        (#"f("\("\(Site)")")"#, #"f( ( (Site) "") "")"#),
    ])
    func `code is what is left without comments and the text of literals`(text: String, code: String) {
        #expect(SwiftCode.of(text) == code)
    }

    @Test func `declarations, extensions, imports and words of a file are found`() {
        let file = SwiftSource(
            path: "Sources/Gateway/Log/A.swift",
            text: """
                @testable import Access
                package import struct HTTP.Head
                /// Door
                package final class A: Sendable {
                    @inlinable package static func make<T>(_ value: T) -> Settings.Limits? { nil }
                    package private(set) var count = 0
                    package init?(_ text: String) {}
                    enum Kind { case one(Site) }
                }
                extension Settings.Limits { var a: Int { 1 } }
                fileprivate struct B {}
                """)
        #expect(file.target == "Gateway" && file.imports == ["Access", "HTTP"] && file.extensions == ["Settings.Limits"])
        #expect(file.declarations.map(\.name) == ["A", "make", "count", "init?", "Kind", "B"])
        #expect(file.declarations.map(\.isTopLevel) == [true, false, false, false, false, true])
        #expect(file.declarations.last?.isPrivate == true)
        #expect(file.words.isSuperset(of: ["Settings", "Site", "Sendable"]))
        #expect(file.words.isDisjoint(with: ["Limits", "Door", "Head"]))
    }

    @Test func `files that refer to each other are one circle`() {
        func file(_ name: String, _ text: String) -> SwiftSource { SwiftSource(path: "Sources/T/\(name).swift", text: text) }
        let graph = SourceGraph([
            file("A", "struct A { let b: B }"), file("B", "struct B { func c() -> C? { nil } }"),
            file("C", "struct C { var a: A?, d = D() }"), file("D", "struct D {\n    struct A {}\n}"),
            // Nested types of the same name, and private ones, are no references.
            file("E", "struct E {\n    struct D {}\n    var d: D\n}\nprivate struct F {}"),
            file("F", "struct G { let f: F, e: E }"),
        ])
        #expect(graph.circles == [["Sources/T/A.swift", "Sources/T/B.swift", "Sources/T/C.swift"]])
        #expect(graph.references.map(\.description).sorted().last == "Sources/T/F.swift uses E of Sources/T/E.swift")
    }
}
