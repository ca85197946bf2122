import Configuration
import HTTP

/// Docker Hub through the gateway, for Docker Engine.
enum DockerMirrorRecipe: Recipe {
    static let name = "docker-mirror"
    static let summary = "Docker Engine: docker pull nginx, through a mirror of Docker Hub"
    static let purpose = Purpose.mirrors

    static func write(_ page: inout Page, for berth: Installation) {
        let mirrors = berth.mirrors.filter { $0.host != nil && ($0.registry == nil || $0.registry?.name == "docker.io") }
        guard let mirror = mirrors.first(where: { $0.host?.isAnonymous == true }) ?? mirrors.first, let host = mirror.host else {
            return explain(&page, berth)
        }
        guard host.isAnonymous else {
            page.unsupported(
                "Docker sends no login to a mirror, and nobody may pull at \(host.address.name) without one. Add a rule:")
            page.file("berth.yaml", "yaml", "anonymous:\n  access:\n    - \(rule(host.address.name))")
            return
        }
        if mirror.registry == nil {
            page.note("The routes do not say which registry \(host.address.name) mirrors; this takes it for Docker Hub.")
        }
        if berth.trust.authority != nil { SharedSteps.letDockerIn(&page, berth, addresses: [host.address]) }
        page.step("Name the mirror")
        page.say("On each machine. If the file exists, add the key to it.")
        page.file(SharedSteps.dockerFile, "json", "{\n  \"registry-mirrors\": [\(Quoted.json(host.address.url))]\n}")
        page.say("Then, as root. A reload is enough; containers keep running.")
        page.run("systemctl reload docker")
        page.prove()
        page.run("docker pull \(mirror.example)")
        page.say(
            "Berth's log then has an access line with the path \(mirror.examplePath). Without one, docker could not use the mirror: it falls back to Docker Hub without saying so."
        )
        page.undo()
        page.say("Remove the key from \(SharedSteps.dockerFile), and run: systemctl reload docker")
        if berth.trust.authority != nil { SharedSteps.shutDockerOut(&page, berth, addresses: [host.address]) }
    }

    private static func rule(_ host: String) -> String { "{repositories: [\"**\"], actions: [pull], host: \(host)}" }

    /// How to configure a mirror that docker can use.
    private static func explain(_ page: inout Page, _ berth: Installation) {
        let hub = berth.settings.routes.first { $0.namespace?.name == "docker.io" && $0.host == nil }
        let upstream = Quoted.json(hub?.upstream ?? berth.settings.upstreams.first?.name ?? "main")
        let prefix = hub.map { String(decoding: $0.upstreamPrefix, as: UTF8.self) } ?? "docker-hub/"
        let domain = berth.address.name.split(separator: ".", maxSplits: 1).last.map(String.init) ?? ""
        let isName = domain.contains(".") && berth.address.name.contains { $0.isLetter } && !berth.address.name.contains(":")
        let host = isName ? "hub.\(domain)" : "hub.example.com"
        page.unsupported(
            "Docker does not tell a mirror which registry it means, and sends it no login. A mirror for docker is a host of its own, whose names lead to a pull-through cache of Docker Hub in ECR and are open to everyone. Add:"
        )
        let first = berth.settings.routes.isEmpty ? "  - {upstream: \(upstream)}   # everything else, under its own name\n" : ""
        page.file(
            "berth.yaml", "yaml",
            """
            routes:
            \(first)  - {host: \(host), upstream: \(upstream), upstream_prefix: \(Quoted.json(prefix))}
            anonymous:
              access:
                - \(rule(host))
            """)
        page.say(
            "\(host) must lead to Berth, and its certificate must name it. The prefix is that of the pull-through cache rule in ECR; the first pull of an image also needs the permissions ecr:CreateRepository and ecr:BatchImportUpstreamImage. Clients of containerd's kind need no host of their own: see berth recipe containerd."
        )
    }
}
