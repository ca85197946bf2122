import Access
import HTTP
import Testing

@testable import Configuration

/// The compiled routes against routes that are compared one by one.
struct RouteTableTests {
    /// The longest prefix, then the number of conditions, then the file's order.
    private static func scan(_ routes: [Settings.Route], _ name: [UInt8], _ place: Place) -> Int? {
        func weight(_ index: Int) -> (Int, Int, Int) {
            let route = routes[index]
            return (route.prefix.count, (route.host == nil ? 0 : 1) + (route.namespace == nil ? 0 : 1), -index)
        }
        return routes.indices.filter { index in
            let route = routes[index]
            return name.starts(with: route.prefix) && place.isWithin(host: route.host, namespace: route.namespace)
        }.max { weight($0) < weight($1) }
    }

    private static let hosts: [String?] = [nil, nil, "h", "g.example.com", "[::1]", "h:5000"]
    private static let namespaces: [String?] = [nil, nil, "docker.io", "docker.io:5000", "quay.io"]
    private static let askedHosts: [String?] = [nil, "h", "H.:443", "h:5000", "G.Example.com", "[::1]:5000", "other"]
    private static let askedNamespaces: [String?] = [nil, "docker.io", "DOCKER.io:5000", "docker.io:1", "quay.io", "?"]

    private static func text(_ count: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: count)).map { _ in "ab/".utf8.randomElement() ?? 0 }
    }

    private static func route() -> Settings.Route {
        Settings.Route(
            host: (hosts.randomElement() ?? nil).flatMap { HostName($0) },
            namespace: (namespaces.randomElement() ?? nil).flatMap { HostName($0) }, prefix: text(0...4), upstream: "main")
    }

    @Test func `the compiled routes decide as routes that are compared one by one`() {
        for _ in 0..<500 {
            let routes = (0..<Int.random(in: 0...30)).map { _ in Self.route() }
            let table = RouteTable(routes)
            for _ in 0..<60 {
                let host = Self.askedHosts.randomElement() ?? nil, namespace = Self.askedNamespaces.randomElement() ?? nil
                let place = Place(host: host.map { Array($0.utf8)[...] }, namespace: namespace.map { Array($0.utf8) })
                let name = Self.text(0...6), expected = Self.scan(routes, name, place)
                #expect(table.index(of: name, at: place) == expected, "\(name) at \(place): \(routes)")
                #expect(table.indices(at: place).first { name.starts(with: routes[$0].prefix) } == expected)
            }
        }
    }

    @Test func `a thousand routes by prefix, host and namespace lead each to its own`() {
        let routes = (0..<1_000).map { number in
            Settings.Route(
                host: number % 3 == 1 ? HostName("h\(number).example.com") : nil,
                namespace: number % 3 == 2 ? HostName("n\(number).example.com") : nil,
                prefix: number % 3 == 0 ? Array("team-\(number)/".utf8) : [], upstream: "main")
        }
        let table = RouteTable(routes)
        for (number, route) in routes.enumerated() {
            let place = Place(
                host: Array((route.host?.description ?? "other").utf8)[...],
                namespace: route.namespace.map { Array($0.description.utf8) })
            #expect(table.index(of: route.prefix + Array("app".utf8), at: place) == number)
        }
    }

    @Test func `without routes everything goes to the first upstream under its own name`() throws {
        let settings = try SettingsFile.parse(sound, file: "berth.yaml", environment: [:])
        let table = settings.routeTable
        #expect(table.index(of: Array("a".utf8), at: Place(host: nil, namespace: nil)) == 0)
        #expect(table.routes[0].upstream == "main" && table.routes[0].upstreamPrefix.isEmpty)
    }
}
