import Registry

/// What the anonymous user's rules open that was perhaps not meant. A mirror for everybody has a rule for all names: at no place of its own
/// it opens the private repositories too, and at one those that routes lead to from there besides the mirror's.
struct OpenAccess {
    let rules: [Settings.AccessRule]
    let routes: [Settings.Route]

    /// A sentence for each rule that opens more, with its index.
    var findings: [(index: Int, sentence: String)] {
        rules.indices.filter { rules[$0].repositories.contains { $0.utf8.allSatisfy { "*/".utf8.contains($0) } } }
            .compactMap { index in finding(rules[index]).map { (index, $0) } }
    }

    private func finding(_ rule: Settings.AccessRule) -> String? {
        let actions = rule.actions.map(\.rawValue).sorted().joined(separator: ", ")
        guard rule.host != nil || rule.namespace != nil else {
            return
                "without a login anybody may \(actions) in every repository, at every address of the gateway; give the rule a host or a namespace, or name the repositories"
        }
        guard let (place, index) = stray(rule) else { return nil }
        return
            "at \(place) this opens what routes[\(index)] leads to as well; \(rule.host == nil || rule.namespace == nil ? "give the rule both host and namespace, or " : "")name the repositories"
    }

    /// A place of the rule from which a route leads elsewhere than those that name the rule's host or namespace.
    private func stray(_ rule: Settings.AccessRule) -> (place: String, index: Int)? {
        let hosts = rule.host.map { [$0.lowercased()] } ?? [nil] + routes.map { $0.host?.lowercased() }
        let namespaces = rule.namespace.map { [$0.lowercased()] } ?? [nil] + routes.map { $0.namespace?.lowercased() }
        let meant = routes.filter {
            rule.host != nil && $0.host?.lowercased() == rule.host?.lowercased()
                || rule.namespace != nil && $0.namespace?.lowercased() == rule.namespace?.lowercased()
        }
        for host in hosts {
            for namespace in namespaces {
                for prefix in routes.map(\.prefix) {
                    guard let index = winner(prefix, host, namespace) else { continue }
                    let route = routes[index]
                    let isMeant = meant.contains {
                        ($0.prefix, $0.upstream, $0.upstreamPrefix) == (route.prefix, route.upstream, route.upstreamPrefix)
                    }
                    if !isMeant { return ("\(host ?? "any host")\(namespace.map { " with ns=\($0)" } ?? "")", index) }
                }
            }
        }
        return nil
    }

    /// The route of names that begin so, as the gateway finds it: the longest prefix, then what names host and namespace, then the file's order.
    private func winner(_ prefix: String, _ host: String?, _ namespace: String?) -> Int? {
        func weight(_ index: Int) -> (Int, Int, Int) {
            let route = routes[index]
            return (route.prefix.utf8.count, (route.host == nil ? 0 : 1) + (route.namespace == nil ? 0 : 1), -index)
        }
        return routes.indices.filter { index in
            let route = routes[index]
            return prefix.hasPrefix(route.prefix) && (route.host == nil || route.host?.lowercased() == host)
                && (route.namespace == nil || route.namespace?.lowercased() == namespace)
        }.max { weight($0) < weight($1) }
    }
}
