import Configuration
import HTTP

/// containerd on a node, for Kubernetes and for ctr.
enum ContainerdRecipe: Recipe {
    static let name = "containerd"
    static let summary = "containerd 1.5 or later on a node: hosts.toml, with login, certificate and mirrors"
    static let purpose = Purpose.imagesOrMirrors(pushed: false)

    private static let directory = "/etc/containerd/certs.d", authority = "/etc/containerd/berth-ca.crt"

    static func write(_ page: inout Page, for berth: Installation) {
        let mirrors = berth.mirrors.filter { $0.endpoint.map { $0.isAnonymous || $0.isForUser } == true }
        SharedSteps.readPassword(&page, berth)
        if let pem = berth.trust.authority {
            page.step("Save the authority's certificate")
            page.say("As root on each node.")
            page.run(SharedSteps.write(authority, pem))
        }
        if berth.hasImage {
            page.step("Write hosts.toml")
            page.say(
                "As root on each node. The file logs in the whole node: pods need no imagePullSecrets. containerd reads it at each pull; nothing needs a restart."
            )
            page.run(hosts(berth.address.authority, server: berth.address.url, berth.address, login: berth.encodedLogin, berth))
        }
        for mirror in mirrors {
            guard let registry = mirror.registry, let endpoint = mirror.endpoint else { continue }
            page.step("Mirror \(registry)")
            if !mirror.prefix.isEmpty { page.say("Only names that start with \(mirror.prefix) are served.") }
            let fallback = registry.name == "docker.io" ? "https://registry-1.docker.io" : "https://\(registry)"
            let login = endpoint.isAnonymous ? nil : berth.encodedLogin
            page.run(hosts("\(registry)", server: fallback, endpoint.address, login: login, berth))
            page.say(
                "If Berth has no answer, containerd asks \(fallback). To rule that out, set server to \(endpoint.address.url).")
        }
        for mirror in berth.mirrors where mirror.endpoint != nil && !mirrors.contains(where: { $0.registry == mirror.registry }) {
            page.note(
                "A route mirrors \(mirror.registry?.description ?? ""), but neither \(berth.user ?? "the anonymous user") nor anybody may pull there."
            )
        }
        readDirectory(&page)
        page.prove()
        let references =
            (berth.hasImage ? [berth.reference] : [])
            + mirrors.compactMap { mirror in
                mirror.registry.map { "\($0)/\(mirror.example)" }
            }
        for reference in references { page.run("ctr images pull --hosts-dir \(directory) \(reference)") }
        if berth.user != nil, berth.settings.anonymous != nil {
            // Challenged for a token, containerd adds one to the login, and two logins are rejected.
            page.say("With a wrong password, the error ends in 400 Bad Request.")
        }
        page.alternative("As Kubernetes pulls:", references.map { "crictl pull \($0)" }.joined(separator: "\n"))
        page.undo()
        let names = (berth.hasImage ? [berth.address.authority] : []) + mirrors.compactMap { $0.registry?.description }
        page.run(names.map { "rm -r \(directory)/\($0)" }.joined(separator: "\n"))
        if berth.trust.authority != nil { page.run("rm \(authority)") }
    }

    /// After the host, containerd tries the server, with the keys of the top level. It must trust the certificate there too: otherwise a wrong
    /// password is reported as an unknown authority.
    private static func hosts(_ name: String, server: String, _ address: ClientAddress, login: String?, _ berth: Installation)
        -> String
    {
        let isOwn = server == address.url, trust = berth.trust.authority == nil ? nil : "ca = \"\(authority)\""
        var lines = ["server = \"\(server)\""]
        if isOwn, let trust { lines.append(trust) }
        lines += ["", "[host.\"\(address.url)\"]", "  capabilities = [\"pull\", \"resolve\"\(isOwn ? ", \"push\"" : "")]"]
        if let trust { lines.append("  " + trust) }
        if let login { lines += ["  [host.\"\(address.url)\".header]", "    authorization = [\"Basic \(login)\"]"] }
        return SharedSteps.write("\(directory)/\(name)/hosts.toml", isSecret: login != nil, lines.joined(separator: "\n"))
    }

    private static func readDirectory(_ page: inout Page) {
        page.step("Let Kubernetes read the directory")
        page.say("Unless config_path is already set. ctr does not need it. containerd 2.x:")
        page.file(
            "/etc/containerd/config.toml", "toml",
            """
            version = 3
            [plugins."io.containerd.cri.v1.images".registry]
              config_path = "\(directory)"
            """)
        page.say("containerd 1.5 to 1.7:")
        page.file(
            "/etc/containerd/config.toml", "toml",
            """
            version = 2
            [plugins."io.containerd.grpc.v1.cri".registry]
              config_path = "\(directory)"
            """)
        page.say(
            "Then restart containerd, as root. Containers keep running. Entries under registry.mirrors and registry.configs must go: containerd rejects them next to config_path."
        )
        page.run("systemctl restart containerd")
    }
}
