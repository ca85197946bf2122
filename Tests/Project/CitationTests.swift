import Testing

/// What is cited, and which words are used.
struct CitationTests {
    @Test func `each fact of ECR that is cited is in ECR.md`() throws {
        let facts = Set(try Project.text("Sources/ECR.md").matches(of: #/(?m)^##+ ([0-9.]+) /#).map(\.1))
        #expect(facts.count > 20)
        var cited = 0
        for (path, text) in try Project.texts.get() {
            for citation in text.matches(of: #/\bECR ([0-9]+(?:\.[0-9]+)?(?:(?:,| and) [0-9]+(?:\.[0-9]+)?(?=[,);:\s]|\.\s|$))*)/#)
            {
                for number in citation.1.matches(of: #/[0-9]+(?:\.[0-9]+)?/#).map(\.0) {
                    cited += 1
                    if !facts.contains(number) { Issue.record("\(path) cites ECR \(number)") }
                }
            }
        }
        #expect(cited > 100)
    }

    @Test func `nothing is cited that is not in the repository`() throws {
        for (path, text) in try Project.texts.get() {
            for citation in text.matches(of: #/\bwire [0-9]|\bdesign sect[i]on|\(design[:) ]/#) {
                Issue.record("\(path): \(text[citation.range])")
            }
        }
    }

    /// What a stranger had to guess; each has a standard term in its place.
    private static let retired: [Substring] = [
        "Bench", "Site", "Door", "CallRequest", "CallURL", "HTTPCaller", "Refusal", "AtMost", "StandIn", "UpstreamQuestion",
        "hasAnswered", "isPlaceless", "untilReadable", "readNow", "watchUnattended", "beingTold", "lastWords", "speakTLS", "heals",
        "deed", "owed",
    ]

    @Test func `retired names do not come back`() throws {
        for file in try Project.sources.get() {
            for word in Set(file.code.flatMap { $0.matches(of: #/\w+/#).map(\.0) }) where Self.isRetired(word) {
                Issue.record("\(file.path): \(word)")
            }
        }
        for (path, text) in try Project.texts.get() where !path.hasPrefix("Tests/") {
            for phrase in text.matches(of: #/(?i)make-believe|look-alike/#) { Issue.record("\(path): \(phrase.0)") }
        }
    }

    /// Types also where a longer name ends in one.
    private static func isRetired(_ word: Substring) -> Bool {
        retired.contains { word == $0 || $0.first?.isUppercase == true && word.hasSuffix($0) }
    }
}
