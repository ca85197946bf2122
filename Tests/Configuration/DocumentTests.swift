import Testing

@testable import Configuration

struct DocumentTests {
    @Test(arguments: ["", "\n", "# nothing\n", "---\n", "~", "null"]) func `a text without a value is an empty document`(
        _ text: String
    ) throws {
        #expect(try Document.compose(text) == nil)
    }

    @Test func `every value has the line that it begins at, and the text that YAML gives it`() throws {
        let text = "\u{FEFF}a: 1\n'b': \"x\\ty\"\nc:\n  - |\n    two\n    lines\n  - {d: ü, e: ~}\nf: '~'\n"
        let root = try #require(try Document.compose(text)?.mapping)
        #expect(root.map(\.key.string) == ["a", "b", "c", "f"] && root.map(\.key.line) == [1, 2, 3, 8])
        let items = try #require(root[2].value.sequence)
        #expect(root[1].value.string == "x\ty" && items[0].string == "two\nlines\n")
        #expect(items.map(\.line) == [4, 7] && items[1].mapping?.map(\.value.string) == ["ü", "~"])
        #expect(items[1].mapping?.map(\.value.isNull) == [false, true] && !root[3].value.isNull)
    }

    @Test func `an alias stands for the value of its anchor`() throws {
        let root = try #require(try Document.compose("a: &x [1, 2]\nb: *x\n")?.mapping)
        #expect(root[1].value.sequence?.map(\.string) == ["1", "2"])
        // Each level names the one before ten times.
        let levels = (1...20).map { "l\($0): &l\($0) [\(Array(repeating: "*l\($0 - 1)", count: 10).joined(separator: ", "))]\n" }
        #expect(try Document.compose("l0: &l0 x\n" + levels.joined())?.mapping?.count == 21)
    }

    @Test(arguments: [
        ("a: &a [*a]", 1, "it is nested too deeply"),
        // Each line is nested less deeply than is allowed.
        (
            "a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]",
            1, "it is nested too deeply"
        ),
        (String(repeating: "[", count: 400_000), 1, "it is nested too deeply"),
        ("\n" + String(repeating: "[", count: 100) + String(repeating: "]", count: 100), 2, "it is nested too deeply"),
        ("a: *b", 1, "found undefined alias"), ("a: 1\nb", 3, "could not find expected ':'"),
        ("a: \u{1}", 0, "control characters are not allowed"),
        ("a: 1\n---\nb: 2\n", 3, "but found another document"),
    ])
    func `what is not a document is a problem of its line`(_ text: String, line: Int, reason: String) {
        #expect {
            try Document.compose(text)
        } throws: { error in
            let problem = error as? Document.Problem
            return problem?.line == line && problem?.reason == reason
        }
    }
}
