import Testing

@testable import Configuration

struct UpstreamProblemTests {
    static let anonymous = "anonymous: {access: [{repositories: [\"**\"], actions: [pull]}]}\n"
    static let replica = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    static let allowedPrivate = "an ECR host such as \(registry)"
    static let allowed = "\(allowedPrivate), or public.ecr.aws"
    static let patterns = "a list of names, * within a segment, ** across: [\"team-a/**\"]"

    static let upstreams: [(String, [String])] = [
        ("[]", ["upstreams: this is empty; write at least one: - {name: main, registry: \(registry)}"]),
        (
            "[{}]",
            [
                "upstreams[0].name: missing; write a short word for routes, metrics and the log",
                "upstreams[0].registry: missing; write \(allowed)",
            ]
        ),
        ("[{name: , registry: \(registry)}]", ["upstreams[0].name: there is no value; write one, or remove the key"]),
        (
            "[{name: a/b, registry: \(registry)}]",
            ["upstreams[0].name: 'a/b' is not a name; write 1 to 64 characters without a slash"]
        ),
        (
            "[{name: a, registry: \(registry)}, {name: a, registry: \(registry)}]",
            ["upstreams[1].name: 'a' is used twice; names must differ"]
        ),
        (
            "[{name: a, registry: registry.example.com}]",
            ["upstreams[0].registry: 'registry.example.com' is not a registry of ECR; write \(allowed)"]
        ),
        (
            "[{name: a, registry: \"https://\(registry)\"}]",
            ["upstreams[0].registry: 'https://\(registry)' is not a registry of ECR; write \(allowed)"]
        ),
        (
            "[{name: a, registry: public.ecr.aws, create_repositories: {match: [\"**\"]}}]",
            ["upstreams[0].create_repositories: Berth cannot create repositories in ECR Public; remove this key"]
        ),
        (
            "[{name: a, registry: \(registry), redirect_clients: [10.0.0.0/8], blob_hosts: [\"*.b.example\", \"https://c\"]}]",
            [
                "upstreams[0].redirect_clients: this has no effect without blobs: redirect; add that, or remove this key",
                "upstreams[0].blob_hosts[1]: 'https://c' is not a host; write one like *.cloudfront.net",
            ]
        ),
        (
            "[{name: a, registry: \(registry), blobs: redirect, redirect_clients: [10.0.0.0/8, x]}]",
            ["upstreams[0].redirect_clients[1]: 'x' is not a network; write one like 10.0.0.0/8 or fd00::/8"]
        ),
        (
            "[{name: a, registry: \(registry), fallbacks: [\(registry), eu.example.com, \(replica), \(replica), public.ecr.aws]}]",
            [
                "upstreams[0].fallbacks[0]: '\(registry)' is the registry itself; name one of another region or account, or remove it",
                "upstreams[0].fallbacks[1]: 'eu.example.com' is not a registry of ECR; write \(allowedPrivate)",
                "upstreams[0].fallbacks[3]: '\(replica)' is here twice; keep one",
                "upstreams[0].fallbacks[4]: 'public.ecr.aws' cannot be used: ECR Public has no replicas; remove it",
            ]
        ),
        (
            "[{name: a, registry: \(registry), fallbacks: [{registry: \(replica)}]}]",
            ["upstreams[0].fallbacks[0]: this is a list or a mapping; write ECR hosts: [\(replica)]"]
        ),
        (
            "[{name: a, registry: \(registry), fallbacks: \(replica)}]",
            ["upstreams[0].fallbacks: this is not a list; write ECR hosts: [\(replica)]"]
        ),
        (
            "[{name: a, registry: public.ecr.aws, fallbacks: [\(replica)]}]",
            ["upstreams[0].fallbacks[0]: '\(replica)' cannot be used: ECR Public has no replicas; remove it"]
        ),
        (
            "[{name: a, registry: \(registry), fallbacks: [123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn]}]",
            [
                "upstreams[0].fallbacks[0]: '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn' "
                    + "is in the partition aws-cn and the registry in aws; AWS replicates within one"
            ]
        ),
        (
            "[{name: a, registry: \(registry), fallbacks: [\(["1", "2", "3", "4", "5"].map { "\($0)23456789012.dkr.ecr.us-east-1.amazonaws.com" }.joined(separator: ", "))]}]",
            ["upstreams[0].fallbacks: these are 5; write at most 4"]
        ),
        ("[{name: a, registry: \(registry), blobs: no}]", ["upstreams[0].blobs: 'no' is not known; use stream, redirect"]),
        (
            "[{name: a, registry: \(registry), credentials: {source: magic}}]",
            [
                "upstreams[0].credentials.source: 'magic' is not known; "
                    + "use automatic, environment, profile, web_identity, container, instance, process"
            ]
        ),
        (
            "[{name: a, registry: \(registry), credentials: {source: container, profile: ci}}]",
            ["upstreams[0].credentials.profile: source 'container' uses no profile; remove one of them"]
        ),
        (
            "[{name: a, registry: \(registry), credentials: {assume_role: {duration: 1m}}}]",
            [
                "upstreams[0].credentials.assume_role.arn: missing; write the role's ARN, like arn:aws:iam::123456789012:role/pull",
                "upstreams[0].credentials.assume_role.duration: '1m' is out of bounds; allowed are 15m to 12h",
            ]
        ),
        (
            "[{name: a, registry: \(registry), credentials: {assume_role: {arn: role/pull, external_id: \"a b\", session_name: x}}}]",
            [
                "upstreams[0].credentials.assume_role.arn: 'role/pull' is not the ARN of a role; write the role's ARN, like "
                    + "arn:aws:iam::123456789012:role/pull",
                "upstreams[0].credentials.assume_role.external_id: 'a b' is not 2 to 1224 letters, digits and _+=,.@:/-",
                "upstreams[0].credentials.assume_role.session_name: 'x' is not 2 to 64 letters, digits and _+=,.@-",
            ]
        ),
        (
            "[{name: a, registry: \(registry), limits: {concurrent: -1, requests_per_second: many, burst: 3}}]",
            [
                "upstreams[0].limits.concurrent: '-1' is not allowed; write a whole number from 0 to 100000",
                "upstreams[0].limits.requests_per_second: 'many' is not allowed; write a whole number from 0 to 100000",
                "upstreams[0].limits.burst: unknown key; known here: concurrent, quotas, requests_per_second",
            ]
        ),
        (
            "[{name: a, registry: \(registry), limits: {quotas: {PutImages: 20, PutImage: 0}}}]",
            [
                "upstreams[0].limits.quotas.PutImage: '0' is not allowed; write a whole number from 1 to 100000",
                "upstreams[0].limits.quotas.PutImages: is no API of ECR that has a quota; known are BatchCheckLayerAvailability, "
                    + "BatchGetImage, GetDownloadUrlForLayer, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload, PutImage",
            ]
        ),
        (
            "[{name: a, registry: \(registry), create_repositories: {}}]",
            ["upstreams[0].create_repositories.match: missing; write \(patterns)"]
        ),
        (
            "[{name: a, registry: \(registry), create_repositories: {match: [], tag_mutability: no, scan_on_push: maybe, policy_file: /no}}]",
            [
                "upstreams[0].create_repositories.match: this is empty; write \(patterns)",
                "upstreams[0].create_repositories.tag_mutability: 'no' is not known; use MUTABLE, IMMUTABLE",
                "upstreams[0].create_repositories.scan_on_push: 'maybe' is neither; write true or false",
                "upstreams[0].create_repositories.policy_file: '/no' cannot be read: there is no such file; "
                    + "name a file of text, of at most 4MiB, that Berth's user may read",
            ]
        ),
    ]

    @Test(arguments: upstreams)
    func `a problem of an upstream has its key and what is allowed`(_ text: String, _ lines: [String]) {
        #expect(problems(Self.anonymous + "upstreams: " + text) == lines.map { "berth.yaml:2: " + $0 })
    }

    static func notNamespace(_ text: String) -> String {
        "routes[0].namespace: '\(text)' is not a registry's host; write one like docker.io"
    }

    static let routes: [(String, [String])] = [
        ("{}", ["routes[0].upstream: missing; write the name of one of upstreams"]),
        ("{upstream: mian}", ["routes[0].upstream: no upstream is named 'mian'; known: 'main'"]),
        (
            "{upstream: main, host: \"registry.example.com:443\"}",
            ["routes[0].host: 'registry.example.com:443' is not a host; write one like registry.example.com, without a port"]
        ),
        (
            "{upstream: main, namespace: \"https://docker.io\"}",
            ["routes[0].namespace: 'https://docker.io' is not a registry's host; write one like docker.io"]
        ),
        (
            "{upstream: main, prefix: /a, upstream_prefix: A}",
            [
                "routes[0].prefix: '/a' is not the start of a repository name; write lower-case letters, digits, . _ - and /",
                "routes[0].upstream_prefix: 'A' is not the start of a repository name; "
                    + "write lower-case letters, digits, . _ - and /",
            ]
        ),
        ("{upstream: main, namespace: \"a.example:+5000\"}", [notNamespace("a.example:+5000")]),
        ("{upstream: main, namespace: \"a.example:000443\"}", [notNamespace("a.example:000443")]),
        ("{upstream: main, namespace: \"a..example\"}", [notNamespace("a..example")]),
        ("{upstream: main, namespace: \"a.example:\"}", [notNamespace("a.example:")]),
        ("{upstream: main, namespace: \"::1\"}", [notNamespace("::1")]),
        ("{upstream: main, namespace: \"[::1]:5000\"}", []),
        ("{upstream: main, prefix: team-}", []),
        ("{upstream: main, prefix: \"\", namespace: \"localhost:5000\"}", []),
    ]

    @Test(arguments: routes)
    func `a problem of a route has its key and what is allowed`(_ text: String, _ lines: [String]) {
        #expect(problems(sound + "routes: [\(text)]") == lines.map { "berth.yaml:3: " + $0 })
    }

    @Test func `a route to an upstream with a problem is not another problem`() {
        let file = Self.anonymous + "upstreams: [{name: main, registry: nowhere}]\nroutes: [{upstream: main}]"
        #expect(
            problems(file) == ["berth.yaml:2: upstreams[0].registry: 'nowhere' is not a registry of ECR; write \(Self.allowed)"])
    }
}
