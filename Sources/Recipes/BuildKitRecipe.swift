/// BuildKit, with docker buildx or by itself.
enum BuildKitRecipe: Recipe {
    static let name = "buildkit"
    static let summary = "BuildKit and docker buildx: builders that pull, push and cache through Berth"
    static let purpose = Purpose.imagesOrMirrors(pushed: true)

    static func write(_ page: inout Page, for berth: Installation) {
        if berth.hasImage { SharedSteps.warnIfReadOnly(&page, berth) }
        let authority = "/etc/buildkit/berth-ca.crt", file = "/etc/buildkit/buildkitd.toml"
        let mirrors = berth.mirrors.filter { $0.prefix.isEmpty && $0.endpoint.map { $0.isAnonymous || $0.isForUser } == true }
        let addresses = [berth.address] + mirrors.compactMap { $0.endpoint?.address }.filter { $0 != berth.address }
        if let pem = berth.trust.authority {
            page.step("Save the authority's certificate")
            page.run(SharedSteps.write(authority, pem))
        }
        let isNeeded = berth.trust.authority != nil || !berth.address.isHTTPS || !mirrors.isEmpty
        if isNeeded {
            page.step("Configure the builder")
            page.say("If the file exists, add the tables to it.")
            let option =
                berth.trust.authority != nil ? "\n  ca = [\"\(authority)\"]" : berth.address.isHTTPS ? "" : "\n  http = true"
            let hosts = option.isEmpty ? [] : addresses.map { "[registry.\"\($0.authority)\"]\(option)" }
            let tables =
                hosts
                + mirrors.compactMap { mirror in
                    guard let registry = mirror.registry, let endpoint = mirror.endpoint else { return nil }
                    return "[registry.\"\(registry)\"]\n  mirrors = [\"\(endpoint.address.authority)\"]"
                }
            page.file(file, "toml", tables.joined(separator: "\n\n"))
        }
        if berth.user != nil {
            SharedSteps.logIn(&page, berth)
            page.say("The builder uses the login of whoever starts the build.")
        }
        page.step("Create the builder")
        page.say("Older versions of buildx call the flag --config. A buildkitd of your own reads \(file) when it starts.")
        page.run(
            "docker buildx create --name berth --driver docker-container --bootstrap --use\(isNeeded ? " \\\n  --buildkitd-config \(file)" : "")"
        )
        page.prove()
        let references =
            (berth.hasImage ? [berth.reference] : [])
            + mirrors.compactMap { mirror in
                mirror.registry.map { "\($0)/\(mirror.example)" }
            }
        for reference in references { page.run("printf 'FROM %s\\n' \(reference) | docker buildx build --pull -") }
        if berth.mayPush {
            page.alternative(
                "To push what is built, and to keep the build cache in the registry, where ECR stores it only as an image:",
                """
                docker buildx build --push --tag \(berth.reference) \\
                  --cache-to type=registry,mode=max,image-manifest=true,oci-mediatypes=true,ref=\(berth.repository):cache \\
                  --cache-from type=registry,ref=\(berth.repository):cache DIRECTORY
                """)
        }
        page.undo()
        page.run("docker buildx rm berth" + (berth.user == nil ? "" : "\ndocker logout \(berth.address.authority)"))
        if isNeeded { page.say("Remove the tables from \(file)\(berth.trust.authority == nil ? "" : ", and \(authority)").") }
    }
}
