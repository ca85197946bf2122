import HTTP
import Registry
import TestSupport
import Testing

@testable import Access

/// The compiled rules against rules that are tried one after the other.
struct AccessTableTests {
    /// The first rule that allows one of the actions, by trying each.
    private static func scan(_ rules: [AccessRule], _ actions: ActionSet, _ repository: Repository?, _ place: Place) -> Int? {
        rules.firstIndex { rule in
            !ActionSet(rule.actions).isDisjoint(with: actions) && place.isWithin(host: rule.host, namespace: rule.namespace)
                && rule.repositories.contains { glob in repository.map { glob.matches($0.bytes) } ?? true }
        }
    }

    private static let segments = ["a", "b", "ab", "app", "team-a", "x.y"]
    private static let hosts: [String?] = [nil, nil, nil, "h", "g.example.com", "h:5000"]
    private static let namespaces: [String?] = [nil, nil, nil, "docker.io", "docker.io:5000", "quay.io"]
    private static let askedHosts: [String?] = [nil, "h", "H.", "h:5000", "G.Example.com:443", "other", ""]
    private static let askedNamespaces: [String?] = [nil, nil, "docker.io", "DOCKER.io:5000", "docker.io:1", "", "quay.io"]

    private static func name(_ random: inout Seeded) -> String {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in segments.randomElement(using: &random) ?? "" }.joined(separator: "/")
    }

    /// A name, with some of it replaced by stars.
    private static func pattern(_ random: inout Seeded) -> Glob {
        var text = Array(name(&random))
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let start = Int.random(in: 0...text.count, using: &random), end = Int.random(in: start...text.count, using: &random)
            text.replaceSubrange(start..<end, with: Bool.random(using: &random) ? "*" : "**")
        }
        return Glob(String(text)) ?? .everything
    }

    private static func rule(_ random: inout Seeded) -> AccessRule {
        AccessRule(
            repositories: (0..<Int.random(in: 0...5, using: &random)).map { _ in pattern(&random) },
            actions: Set(Action.allCases.filter { _ in Int.random(in: 0...2, using: &random) == 0 }),
            host: (hosts.randomElement(using: &random) ?? nil).flatMap { HostName($0) },
            namespace: (namespaces.randomElement(using: &random) ?? nil).flatMap { HostName($0) })
    }

    private static func place(_ random: inout Seeded) -> Place {
        let host = askedHosts.randomElement(using: &random) ?? nil, namespace = askedNamespaces.randomElement(using: &random) ?? nil
        return Place(host: host.map { Array($0.utf8)[...] }, namespace: namespace.map { Array($0.utf8) })
    }

    @Test func `the compiled rules decide as rules that are tried in turn, and by the same rule, for random rules`() {
        var random = Seeded(13)
        var cases = 0, allowed = 0, differences = 0
        for _ in 0..<1_200 {
            let rules = (0..<Int.random(in: 0...12, using: &random)).map { _ in Self.rule(&random) }
            let table = AccessTable(rules)
            for _ in 0..<100 {
                let repository = Int.random(in: 0...20, using: &random) == 0 ? nil : Repository(Self.name(&random))
                let place = Self.place(&random), actions = ActionSet(rawValue: .random(in: 0...15, using: &random))
                let decided = table.first(allowing: actions, on: repository, at: place)
                if decided != nil { allowed += 1 }
                cases += 1
                guard decided != Self.scan(rules, actions, repository, place) else { continue }
                differences += 1
                Issue.record("\(actions) on \(repository?.description ?? "any"), at \(place), by \(rules)")
            }
        }
        #expect(cases > 100_000 && differences == 0)
        #expect(allowed > cases / 10 && allowed < cases * 9 / 10)
    }

    @Test func `each of ten thousand repositories is found by its rule, with names, prefixes and suffixes`() throws {
        let patterns = (0..<10_000).map { number in
            switch number % 4 {
            case 0: "team-\(number)/app"
            case 1: "team-\(number)/**"
            case 2: "**/app-\(number)"
            default: "*/app-\(number)/*"
            }
        }
        let rules = patterns.map { AccessRule(repositories: [glob($0)], actions: [.pull]) }
        let apart = AccessTable(rules)
        let together = AccessTable([AccessRule(repositories: patterns.map(glob), actions: [.pull])])
        let place = Place(host: nil, namespace: nil)
        for (number, pattern) in patterns.enumerated() {
            let name = pattern.replacing("**", with: "a/b").replacing("*", with: "c")
            let repository = try #require(Repository(name))
            #expect(apart.first(allowing: .pull, on: repository, at: place) == number)
            #expect(together.first(allowing: .pull, on: repository, at: place) == 0)
            // Below a prefix, any name is the rule's.
            let other = try #require(Repository(name + "-x"))
            #expect(apart.first(allowing: .pull, on: other, at: place) == (number % 4 == 0 || number % 4 == 2 ? nil : number))
        }
    }
}
