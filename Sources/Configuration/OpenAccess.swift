import Access
import HTTP
import Registry

/// Finds rules of the anonymous user that allow more than was perhaps intended. A public mirror has a rule for all names: without a host or a
/// namespace it opens the private repositories too, and with one it opens whatever else routes serve there.
struct OpenAccess {
    let rules: [AccessRule]
    let routes: [Settings.Route]

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
        let hosts = rule.host.map { [$0] } ?? [nil] + routes.map(\.host)
        let namespaces = rule.namespace.map { [$0] } ?? [nil] + routes.map(\.namespace)
        let intended = routes.filter {
            rule.host != nil && $0.host == rule.host || rule.namespace != nil && $0.namespace == rule.namespace
        }
        for host in hosts {
            for namespace in namespaces {
                for prefix in routes.map(\.prefix) {
                    guard let index = winner(prefix, host, namespace) else { continue }
                    let route = routes[index]
                    let isIntended = intended.contains {
                        ($0.prefix, $0.upstream, $0.upstreamPrefix) == (route.prefix, route.upstream, route.upstreamPrefix)
                    }
                    if !isIntended {
                        return ("\(host?.description ?? "any host")\(namespace.map { " with ns=\($0)" } ?? "")", index)
                    }
                }
            }
        }
        return nil
    }

    /// The route for names with this prefix, as the gateway chooses it: the longest prefix, then those with host and namespace, then the
    /// file's order.
    private func winner(_ prefix: [UInt8], _ host: HostName?, _ namespace: HostName?) -> Int? {
        func weight(_ index: Int) -> (Int, Int, Int) {
            let route = routes[index]
            return (route.prefix.count, (route.host == nil ? 0 : 1) + (route.namespace == nil ? 0 : 1), -index)
        }
        return routes.indices.filter { index in
            let route = routes[index]
            return prefix.starts(with: route.prefix) && (route.host == nil || route.host == host)
                && (route.namespace == nil || route.namespace == namespace)
        }.max { weight($0) < weight($1) }
    }
}
