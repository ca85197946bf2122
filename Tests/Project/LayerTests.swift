import Testing

/// What may refer to what.
struct LayerTests {
    /// From the ground up.
    private static let targets: [Substring] = [
        "HTTP", "Crypto", "Transport", "Telemetry", "HTTPServer", "Registry", "Access", "Cache", "Configuration", "AWS", "Sandbox",
        "Gateway", "Admin", "Recipes", "berth",
    ]
    private static let owners: [Substring: Substring] = [
        "CLibevent": "Transport", "COpenSSL": "Crypto", "CCurl": "Transport", "CCrypt": "Access", "CYAML": "Configuration",
    ]
    /// The Gateway's, from the top down.
    private static let folders: [Substring] = [
        "Server", "Exchange", "Handlers", "Cache", "Forward", "Upstream", "Resilience", "Request", "Log",
    ]

    @Test func `a target imports only targets below it, and a C library has one owner`() throws {
        let sources = try Project.sources.get()
        #expect(Set(sources.map(\.target)) == Set(Self.targets))
        for file in sources {
            let level = try #require(Self.targets.firstIndex(of: file.target))
            for name in file.imports {
                if let other = Self.targets.firstIndex(of: name) { #expect(other < level, "\(file.path) imports \(name)") }
                if let owner = Self.owners[name] { #expect(owner == file.target, "\(file.path) imports \(name)") }
            }
        }
    }

    /// The whole of Foundation contains ICU, whose data alone are 30 MB of the program.
    @Test func `a target imports only FoundationEssentials of Foundation`() throws {
        let others: Set<Substring> = ["Foundation", "FoundationNetworking", "FoundationXML", "FoundationInternationalization"]
        for file in try Project.sources.get() {
            #expect(others.isDisjoint(with: file.imports), "\(file.path)")
        }
    }

    @Test func `each dependency of a target in Package.swift is imported by one of its files`() throws {
        let files = try Project.sources.get() + Project.tests.get()
        let targets = try PackageTarget.all(in: Project.text("Package.swift"))
        #expect(targets.count == 2 * Self.targets.count, "each target, its tests, and these without the command's")
        for target in targets {
            let imported = Set(files.filter { $0.path.hasPrefix(target.folder + "/") }.flatMap(\.imports))
            #expect(!imported.isEmpty || target.dependencies.isEmpty, "\(target.folder) has no files")
            for name in target.dependencies where !imported.contains(name) {
                Issue.record("no file of \(target.folder) imports \(name)")
            }
        }
    }

    @Test func `the table of targets in ARCHITECTURE.md is that of Package.swift`() throws {
        let rows = try Project.text("Sources/ARCHITECTURE.md").matches(of: #/(?m)^\| `(\w+)` \|.*\| ?([\w ,]*) \|$/#)
        let described = rows.filter { Self.targets.contains($0.1) }
        #expect(described.map(\.1) == Self.targets)
        let known = Set(Self.targets).union(Self.owners.keys)
        for target in try PackageTarget.all(in: Project.text("Package.swift")) where target.folder.hasPrefix("Sources") {
            let row = try #require(described.first { $0.1 == target.folder.dropFirst("Sources/".count) })
            guard !row.2.hasPrefix("all above") else { continue }
            let imports = row.2.split(separator: ",").map { $0.filter { $0 != " " } }
            #expect(
                Set(imports) == Set(target.dependencies.map(String.init)).intersection(known.map(String.init)), "\(target.folder)")
        }
    }

    @Test func `a folder of the Gateway refers only to itself and to those below it`() throws {
        let files = try Project.sources.get().filter { $0.target == "Gateway" }
        func level(_ file: SwiftSource) throws -> Int {
            try #require(Self.folders.firstIndex(of: file.path.split(separator: "/")[2]), "\(file.path) is in no layer")
        }
        for reference in SourceGraph(files).references {
            if try level(reference.from) > level(reference.to) { Issue.record("upwards: \(reference.description)") }
        }
    }

    private static let maxCircle = 4

    @Test(arguments: targets) func `no more than four files of a target refer to each other in a circle`(target: Substring) throws {
        let circles = SourceGraph(try Project.sources.get().filter { $0.target == target }).circles
        for circle in circles where circle.count > Self.maxCircle { Issue.record("\(circle.joined(separator: ", "))") }
    }
}

/// A target as `Package.swift` describes it.
private struct PackageTarget {
    let folder: String
    /// Modules: targets, and products of other packages.
    let dependencies: [Substring]

    /// Reads the calls that this `Package.swift` is made of.
    static func all(in package: String) -> [PackageTarget] {
        let text = package.replacing("logging,", with: "\"Logging\",").replacing("logging]", with: "\"Logging\"]")
            .replacing("imports: [logging", with: "imports: [\"Logging\"")
        return text.matches(of: #/(?m)^ {8}(layer|tests|\.executableTarget|\.testTarget)\(/#).map { call in
            let quoted = arguments(of: text[call.range.upperBound...])
            let names = quoted.replacing(#/\.product\(name: ("\w+"), package: "[^"]*"\)/#) { $0.1 }
                .replacing(#/(path: "[^"]*"|resources: \[[^\]]*\])/#, with: "").matches(of: #/"(\w+)"/#).map(\.1)
            let name = names.first ?? ""
            switch call.1 {
            case "tests": return PackageTarget(folder: "Tests/\(name)", dependencies: names)
            case ".testTarget":
                return PackageTarget(folder: "Tests/\(name.dropLast("Tests".count))", dependencies: Array(names.dropFirst()))
            default: return PackageTarget(folder: "Sources/\(name)", dependencies: Array(names.dropFirst()))
            }
        }
    }

    /// The text up to the parenthesis that closes the call.
    private static func arguments(of text: Substring) -> String {
        var depth = 1
        return String(
            text.prefix { character in
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
                return depth > 0
            })
    }
}
