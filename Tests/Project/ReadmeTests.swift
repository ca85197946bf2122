import Configuration
import Foundation
import Testing

/// The README and the other documents against the code.
struct ReadmeTests {
    @Test(arguments: [
        "README.md", "deploy/README.md", "deploy/rancher/README.md", "Sources/ARCHITECTURE.md", "Sources/ECR.md",
        ".github/CONTRIBUTING.md", ".github/SECURITY.md",
    ])
    func `the links of a document lead somewhere`(document: String) throws {
        let folder = document.split(separator: "/").dropLast()
        for match in try Project.text(document).matches(of: #/\]\(([^)#:]+)\)/#) {
            var path = Array(folder)
            for step in match.1.split(separator: "/") {
                if step == ".." { _ = path.popLast() } else { path.append(step) }
            }
            #expect(Project.exists(path.joined(separator: "/")), "\(document) links to \(match.1)")
        }
    }

    /// To write the reference into the README, run this test with `BERTH_UPDATE_README=1`.
    @Test func `the README's reference of the configuration is what the readers say`() throws {
        let readme = try Project.text("README.md")
        let begin = "<!-- From the descriptions in Sources/Configuration; a test keeps it in step. -->\n",
            end = "<!-- End of the reference. -->"
        let start = try #require(readme.range(of: begin)).upperBound
        let rest = try #require(readme.range(of: end, range: start..<readme.endIndex)).lowerBound
        let table = ReferenceTable(SettingsFile.reference).markdown
        if ProcessInfo.processInfo.environment["BERTH_UPDATE_README"] != nil {
            try Data((readme[..<start] + table + readme[rest...]).utf8).write(to: Project.root.appending(path: "README.md"))
        } else {
            #expect(String(readme[start..<rest]) == table, "run BERTH_UPDATE_README=1 Tests/run unit ReadmeTests")
        }
    }

    @Test func `the reference has each key once, with its meaning`() throws {
        let rows = SettingsFile.reference
        #expect(rows.count > 60)
        #expect(Set(rows.map(\.key)).count == rows.count)
        for row in rows { #expect(row.meaning.count > 10, "\(row.key)") }
    }

    @Test func `a variable that is documented is read, and the README documents each that is read`() throws {
        let documents = ["README.md", "deploy/README.md", "deploy/compose/compose.yaml", "deploy/rancher/README.md"]
        let written = try documents.flatMap { try Project.text($0).matches(of: #/BERTH_[A-Z_]*[A-Z]/#).map { String($0.0) } }
        let code = try Project.text("Sources/Configuration/EnvironmentVariable.swift")
        let read = Set(code.matches(of: #/"(BERTH_[A-Z_]+)"/#).map { String($0.1) })
        #expect(Set(written).subtracting(read).isEmpty)
        #expect(try read.isSubset(of: Project.text("README.md").matches(of: #/BERTH_[A-Z_]*[A-Z]/#).map { String($0.0) }))
    }

    @Test func `the README names the metrics that there are`() throws {
        let readme = try Set(Project.text("README.md").matches(of: #/berth_[a-z_]+[a-z]/#).map { String($0.0) })
        let code = try Set(
            Project.text("Sources/Telemetry/MetricsText.swift").matches(of: #/"(berth_[a-z_]+)"/#).map { String($0.1) })
        #expect(readme == code)
        #expect(code.count >= 14)
    }

    @Test func `the files, types and functions that ARCHITECTURE.md names exist`() throws {
        let text = try Project.text("Sources/ARCHITECTURE.md"), sources = try Project.sources.get()
        let files = Set(sources.flatMap { [$0.name, $0.name.dropLast(".swift".count)] })
        let known = Set(sources.flatMap(\.declarations).map(\.name)).union(files).union(sources.map(\.target))
        for match in text.matches(of: #/`([A-Za-z][\w\/.]*)(?:\([\w:]*\))?`/#) {
            let name = match.1
            if name.contains("/") {
                let isPath = Project.exists(String(name)) || Project.exists("Sources/" + name)
                if !isPath { Issue.record("there is no file \(name)") }
            } else if name.hasSuffix(".swift") || name.hasSuffix(".md") || name.hasSuffix(".yaml") {
                let isFile = files.contains(name) || Project.exists(String(name)) || Project.exists("Sources/" + name)
                if !isFile { Issue.record("there is no file \(name)") }
            } else if name.first?.isUppercase == true, !name.contains("_") {
                for part in name.split(separator: ".") where !known.contains(part) && !Self.terms.contains(part) {
                    Issue.record("nothing is called \(part): \(name)")
                }
            }
        }
    }

    /// Written like types in ARCHITECTURE.md: fields of HTTP, modules of C libraries, types of Swift.
    private static let terms: Set<Substring> = [
        "Location", "Link", "Authorization", "Range", "CLibevent", "COpenSSL", "CCurl", "CCrypt", "CYAML", "Sendable",
    ]
}
