import Access
import HTTP
import Registry

/// Finds rules of the anonymous user that allow more than was perhaps intended. A public mirror has a rule for all names: without a host or a
/// namespace it opens the private repositories too, and with one it opens whatever else routes serve there.
struct OpenAccess {
    let rules: [AccessRule]
    let routes: RouteTable

    /// Where a route leads, and what for.
    private struct Destination: Hashable {
        let prefix: [UInt8], upstream: String, upstreamPrefix: [UInt8]

        init(_ route: Settings.Route) {
            (prefix, upstream, upstreamPrefix) = (route.prefix, route.upstream, route.upstreamPrefix)
        }
    }

    /// The rules that open more than a mirror: the index of each, and a sentence about it.
    var findings: [(index: Int, sentence: String)] {
        rules.indices.filter { rules[$0].repositories.contains(where: \.isUnspecific) }
            .compactMap { index in finding(rules[index]).map { (index, $0) } }
    }

    private func finding(_ rule: AccessRule) -> String? {
        let actions = rule.actions.map(\.rawValue).sorted().joined(separator: ", ")
        guard rule.host != nil || rule.namespace != nil else {
            return
                "without credentials anybody may \(actions) in every repository, at every address of the gateway; give the rule a host or a namespace, or name the repositories"
        }
        guard let (place, index) = stray(rule) else { return nil }
        return
            "at \(place) this also opens what routes[\(index)] serves; \(rule.host == nil || rule.namespace == nil ? "give the rule both host and namespace, or " : "")name the repositories"
    }

    /// A place that the rule covers, and a route there that serves something other than the routes with the rule's host or namespace do.
    private func stray(_ rule: AccessRule) -> (place: String, index: Int)? {
        let routes = routes.routes
        let hosts = rule.host.map { [$0] } ?? Self.different([nil] + routes.map(\.host))
        let namespaces = rule.namespace.map { [$0] } ?? Self.different([nil] + routes.map(\.namespace))
        let prefixes = Self.different(routes.map(\.prefix))
        let intended = Set(
            routes.filter {
                rule.host != nil && $0.host == rule.host || rule.namespace != nil && $0.namespace == rule.namespace
            }.map(Destination.init))
        for host in hosts {
            for namespace in namespaces {
                let place = Place(
                    host: host.map { Array($0.description.utf8)[...] }, namespace: namespace.map { Array($0.description.utf8) })
                for prefix in prefixes {
                    guard let index = self.routes.index(of: prefix, at: place) else { continue }
                    if !intended.contains(Destination(routes[index])) {
                        return ("\(host?.description ?? "any host")\(namespace.map { " with ns=\($0)" } ?? "")", index)
                    }
                }
            }
        }
        return nil
    }

    private static func different<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen = Set<Value>()
        return values.filter { seen.insert($0).inserted }
    }
}
