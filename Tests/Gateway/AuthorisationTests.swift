import AWS
import Access
import Crypto
import HTTP
import Logging
import Registry
import Testing
import Transport

@testable import Configuration
@testable import Gateway

/// The program's own decision on generated requests, and a model's.
struct AuthorisationTests {
    private static let rounds = 48
    private static let repositories = ["app", "library/nginx", "team/app", "team/app/x", "hub/library/nginx", "secret/app"]
    private static let patterns = ["**", "*", "*/*", "team/**", "team/*", "library/nginx", "**/app", "hub/**"]
    private static let actions = ["pull", "push", "delete", "list"]
    private static let names: [String?] = [nil, nil, "registry.example.com", "hub.example.com"]
    private static let namespaces: [String?] = [nil, nil, nil, "docker.io", "quay.io"]
    /// As clients and proxies write them, and as somebody would who wants to be taken for another.
    private static let fields: [String?] = [
        nil, "registry.example.com", "REGISTRY.example.com:5000", "hub.example.com", "Hub.Example.Com.", "hub.example.com.:443",
        "evilhub.example.com", "hub.example.com.evil.example", "hub.example.co", "127.0.0.1:5000",
    ]
    private static let asked: [String?] = [nil, "docker.io", "quay.io", "DOCKER.IO", "docker.io.evil.example", ""]

    private static func rule(_ random: inout SystemRandomNumberGenerator) -> AuthorisationOracle.Rule {
        AuthorisationOracle.Rule(
            patterns: (0..<Int.random(in: 1...2, using: &random)).map { _ in patterns.randomElement(using: &random) ?? "" },
            actions: Set((0..<Int.random(in: 1...3, using: &random)).map { _ in actions.randomElement(using: &random) ?? "" }),
            host: names.randomElement(using: &random) ?? nil, namespace: namespaces.randomElement(using: &random) ?? nil)
    }

    private static func row(_ random: inout SystemRandomNumberGenerator) -> AuthorisationOracle.Row {
        let prefix = ["", "", "team/", "team/app/", "hub/"].randomElement(using: &random) ?? ""
        return AuthorisationOracle.Row(
            host: names.randomElement(using: &random) ?? nil, namespace: namespaces.randomElement(using: &random) ?? nil,
            prefix: prefix, upstream: ["one", "two"].randomElement(using: &random) ?? "",
            upstreamPrefix: [prefix, "acme/", "hub/" + prefix].randomElement(using: &random) ?? "")
    }

    private static func head(_ operation: AuthorisationOracle.RegistryOperation, namespace: String?) throws -> Head {
        let query = [operation.query, namespace.map { "ns=" + $0 } ?? ""].filter { !$0.isEmpty }.joined(separator: "&")
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(
            Array(
                "\(operation.method) \(operation.path)\(query.isEmpty ? "" : "?" + query) HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        let head = Head()
        #expect(try reader.take(head, as: .request))
        return head
    }

    /// In the words of the model.
    private static func decide(_ head: Head, _ parsed: RegistryRequest, by principal: Principal, _ router: Router) -> String {
        guard principal.may(parsed) else { return "refused" }
        let request = parsed.withMountAllowed(to: principal)
        guard request.endpoint.repository != nil else { return "here" }
        guard let route = router.route(request) else { return "nowhere" }
        return "\(route.upstream.name) \(String(decoding: route.target(of: request, asSent: head.target), as: UTF8.self))"
    }

    @Test func `each decision is the oracle's, for random endpoints, principals, repositories and places`() throws {
        var random = SystemRandomNumberGenerator()
        let upstreams = [try upstream("one"), try upstream("two")]
        var cases = 0, allowed = 0, mounts = 0, differences = 0
        for _ in 0..<Self.rounds {
            let rules = (0..<4).map { count in (0..<count).map { _ in Self.rule(&random) } }
            let principals = rules.map { rules in
                Principal(
                    name: "u",
                    rules: rules.map {
                        AccessRule(
                            repositories: $0.patterns.compactMap { Glob($0) }, actions: Set($0.actions.compactMap(Action.init)),
                            host: $0.host.flatMap { HostName($0) }, namespace: $0.namespace.flatMap { HostName($0) })
                    })
            }
            let rows = (0..<Int.random(in: 1...5, using: &random)).map { _ in Self.row(&random) }
            let router = try Router(
                RouteTable(
                    rows.map {
                        Settings.Route(
                            host: $0.host.flatMap { HostName($0) }, namespace: $0.namespace.flatMap { HostName($0) },
                            prefix: Array($0.prefix.utf8), upstream: $0.upstream, upstreamPrefix: Array($0.upstreamPrefix.utf8))
                    }), upstreams: upstreams)
            for repository in Self.repositories {
                let sources = (0..<3).compactMap { _ in Self.repositories.randomElement(using: &random) }
                for operation in AuthorisationOracle.operations(repository, mountedFrom: sources) {
                    let namespace = Self.asked.randomElement(using: &random) ?? nil
                    let head = try Self.head(operation, namespace: namespace)
                    for field in Self.fields {
                        let request = try RegistryRequest(head, host: field.map { Array($0.utf8)[...] })
                        for (principal, rules) in zip(principals, rules) {
                            let decision = Self.decide(head, request, by: principal, router)
                            let expected = AuthorisationOracle.decide(
                                operation, repository, by: rules, rows, host: field, namespace: namespace)
                            #expect(
                                decision == expected,
                                "\(operation) of \(repository) at \(field ?? "no host"), \(namespace ?? "no ns"), by \(rules), \(rows)"
                            )
                            cases += 1
                            if decision != expected { differences += 1 }
                            if decision != "refused" { allowed += 1 }
                            if decision.contains("from=") { mounts += 1 }
                        }
                    }
                }
            }
        }
        print(
            "authorisation: \(cases) decisions, \(allowed) of them allowed, \(mounts) of them mounts; \(differences) unlike the model's"
        )
        #expect(cases > 100_000 && allowed > cases / 20 && mounts > 0)
    }
}
