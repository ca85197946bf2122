import Foundation

/// What the README says of rules, routes and mounts, in strings and written apart from the program: what `AuthorisationTests` compares it
/// with.
struct AuthorisationOracle {
    struct Rule { let patterns: [String], actions: Set<String>, host: String?, namespace: String? }
    struct Row { let host: String?, namespace: String?, prefix: String, upstream: String, upstreamPrefix: String }

    /// One of each endpoint and method. `needs`: any of these; nil: a login.
    struct RegistryOperation {
        let method: String, path: String
        var query = "", from: String?
        let needs: Set<String>?
    }

    static func operations(_ repository: String, mountedFrom sources: [String]) -> [RegistryOperation] {
        let digest = "sha256:" + String(repeating: "a", count: 64), base = "/v2/\(repository)"
        let session = base + "/blobs/uploads/u"
        return [
            .init(method: "GET", path: "/v2/", needs: nil), .init(method: "HEAD", path: "/v2/", needs: nil),
            .init(method: "GET", path: "/v2/_catalog", needs: ["list"]),
            .init(method: "GET", path: base + "/tags/list", needs: ["list", "pull"]),
            .init(method: "GET", path: base + "/manifests/v1", needs: ["pull"]),
            .init(method: "HEAD", path: base + "/manifests/" + digest, needs: ["pull"]),
            .init(method: "PUT", path: base + "/manifests/v1", needs: ["push"]),
            .init(method: "DELETE", path: base + "/manifests/v1", needs: ["delete"]),
            .init(method: "GET", path: base + "/blobs/" + digest, needs: ["pull"]),
            .init(method: "HEAD", path: base + "/blobs/" + digest, needs: ["pull", "push"]),
            .init(method: "DELETE", path: base + "/blobs/" + digest, needs: ["delete"]),
            .init(method: "GET", path: base + "/referrers/" + digest, needs: ["pull"]),
            .init(method: "POST", path: base + "/blobs/uploads/", needs: ["push"]),
            .init(method: "GET", path: session, needs: ["push"]), .init(method: "PATCH", path: session, needs: ["push"]),
            .init(method: "PUT", path: session, query: "digest=" + digest, needs: ["push"]),
            .init(method: "DELETE", path: session, needs: ["push"]),
            .init(method: "POST", path: base + "/blobs/uploads/", query: "mount=" + digest, needs: ["push"]),
            .init(method: "POST", path: base + "/blobs/uploads/", query: "mount=sha256:1&from=" + sources[0], needs: ["push"]),
        ]
            + sources.map {
                .init(
                    method: "POST", path: base + "/blobs/uploads/", query: "mount=\(digest)&from=\($0)", from: $0, needs: ["push"])
            }
    }

    static func host(_ field: String?) -> String? {
        guard let field else { return nil }
        let name = field.lowercased().split(separator: ":", omittingEmptySubsequences: false)[0]
        return String(name.hasSuffix(".") ? name.dropLast() : name)
    }

    static func matches(_ pattern: String, _ name: String) -> Bool {
        let expression = pattern.replacing(".", with: "\\.").replacing("**", with: "\u{1}").replacing("*", with: "[^/]*").replacing(
            "\u{1}", with: ".*")
        return name.range(of: "^\(expression)$", options: .regularExpression) != nil
    }

    /// - Parameter repository: nil: the catalog, for who may list anything there.
    static func may(_ rules: [Rule], _ needs: Set<String>, _ repository: String?, _ host: String?, _ namespace: String?) -> Bool {
        rules.contains { rule in
            !rule.actions.isDisjoint(with: needs) && (rule.host == nil || rule.host == host)
                && (rule.namespace == nil || rule.namespace == namespace)
                && (repository == nil || rule.patterns.contains { matches($0, repository ?? "") })
        }
    }

    static func route(_ rows: [Row], _ repository: String, _ host: String?, _ namespace: String?) -> (
        upstream: String, name: String
    )? {
        let fitting = rows.enumerated().filter { _, row in
            repository.hasPrefix(row.prefix) && (row.host == nil || row.host == host)
                && (row.namespace == nil || row.namespace == namespace)
        }
        func weight(_ row: Row) -> Int { row.prefix.count * 10 + (row.host == nil ? 0 : 1) + (row.namespace == nil ? 0 : 1) }
        let best = fitting.max { (weight($0.element), -$0.offset) < (weight($1.element), -$1.offset) }?.element
        return best.map { ($0.upstream, $0.upstreamPrefix + repository.dropFirst($0.prefix.count)) }
    }

    /// `refused`, `nowhere`, `here`, or the upstream and what it is asked.
    static func decide(
        _ operation: RegistryOperation, _ repository: String, by rules: [Rule], _ rows: [Row], host field: String?,
        namespace: String?
    ) -> String {
        let (host, namespace) = (host(field), host(namespace))
        guard let needs = operation.needs else { return "here" }
        guard operation.path != "/v2/_catalog" else { return may(rules, needs, nil, host, namespace) ? "here" : "refused" }
        guard may(rules, needs, repository, host, namespace) else { return "refused" }
        guard let there = route(rows, repository, host, namespace) else { return "nowhere" }
        var query = operation.query
        if operation.method == "POST" {
            query = ""
            if let from = operation.from, may(rules, ["pull"], from, host, namespace),
                let source = route(rows, from, host, namespace), source.upstream == there.upstream
            {
                query = operation.query.replacing("from=\(from)", with: "from=\(source.name)")
            }
        }
        let path = operation.path.replacing("/v2/\(repository)/", with: "/v2/\(there.name)/", maxReplacements: 1)
        return "\(there.upstream) \(path)\(query.isEmpty ? "" : "?" + query)"
    }
}
