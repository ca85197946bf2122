import HTTP

/// Podman, Buildah, Skopeo and CRI-O, which read the same files.
enum PodmanRecipe: Recipe {
    static let name = "podman"
    static let summary = "Podman, Buildah, Skopeo and CRI-O: log in, certificate and mirrors"
    static let purpose = Purpose.imagesOrMirrors(pushed: true)

    private static let file = "/etc/containers/registries.conf.d/berth.conf"

    static func write(_ page: inout Page, for berth: Installation) {
        let mirrors = berth.mirrors.compactMap { mirror in location(of: mirror, berth).map { (mirror: mirror, location: $0) } }
        let hosts = [berth.address] + mirrors.map(\.location.address).filter { $0 != berth.address }
        if let authority = berth.trust.authority {
            page.step("Trust the certificate")
            page.say("As root on each machine.")
            page.run(hosts.map { SharedSteps.write("\(directory(of: $0))/ca.crt", authority) }.joined(separator: "\n"))
        }
        if !berth.address.isHTTPS || !mirrors.isEmpty {
            page.step(mirrors.isEmpty ? "Allow plain HTTP" : "Name the mirrors")
            page.say("As root on each machine. Commands read the file when they start; for CRI-O, run: systemctl reload crio")
            page.run(SharedSteps.write(file, registries(berth, mirrors)))
        }
        if berth.user != nil, berth.hasImage {
            SharedSteps.logIn(&page, berth, with: "podman")
            page.say(
                "buildah and skopeo use the same login. It lasts until the machine restarts; to keep it, add --authfile \"$HOME/.config/containers/auth.json\". CRI-O reads /var/lib/kubelet/config.json, or a pod's imagePullSecrets (berth recipe kubernetes)."
            )
        }
        page.prove()
        if berth.hasImage {
            page.run("podman pull \(berth.reference)\nskopeo inspect docker://\(berth.reference)\nbuildah pull \(berth.reference)")
        }
        for (mirror, _) in mirrors { page.run("podman pull \(mirror.registry?.description ?? "docker.io")/\(mirror.example)") }
        if !mirrors.isEmpty {
            page.say(
                "Berth's log then has an access line for each image. Without one, podman could not use the mirror and asked the registry itself."
            )
        }
        page.undo()
        if berth.user != nil, berth.hasImage { page.run("podman logout \(berth.address.authority)") }
        var files = berth.trust.authority == nil ? [] : hosts.map(directory)
        if !berth.address.isHTTPS || !mirrors.isEmpty { files.append(file) }
        if !files.isEmpty { page.run("rm -r \(files.joined(separator: " "))") }
    }

    private static func directory(of address: ClientAddress) -> String { "/etc/containers/certs.d/\(address.authority)" }

    /// Where the mirror's images are for a client that cannot say which registry it means: below a prefix, or at a host of its own.
    private static func location(of mirror: Mirror, _ berth: Installation) -> (text: String, address: ClientAddress)? {
        if let path = mirror.path, isOpen(path.endpoint, berth) {
            return ("\(path.endpoint.address.authority)/\(path.prefix)", path.endpoint.address)
        }
        guard mirror.prefix.isEmpty, let host = mirror.host, isOpen(host, berth) else { return nil }
        return (host.address.authority, host.address)
    }

    /// A login is for one address, and is used for whatever is pulled there.
    private static func isOpen(_ endpoint: Mirror.Endpoint, _ berth: Installation) -> Bool {
        endpoint.address == berth.address && berth.user != nil && berth.hasImage ? endpoint.isForUser : endpoint.isAnonymous
    }

    private static func registries(
        _ berth: Installation, _ mirrors: [(mirror: Mirror, location: (text: String, address: ClientAddress))]
    )
        -> String
    {
        let insecure = berth.address.isHTTPS ? "" : "\ninsecure = true"
        var tables = berth.address.isHTTPS ? [] : ["[[registry]]\nlocation = \"\(berth.address.authority)\"\(insecure)"]
        for (mirror, location) in mirrors {
            tables.append(
                """
                [[registry]]
                location = "\(mirror.registry?.description ?? "docker.io")"
                [[registry.mirror]]
                location = "\(location.text)"\(insecure)
                """)
        }
        return tables.joined(separator: "\n\n")
    }
}
