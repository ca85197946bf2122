import HTTP

/// `registries.yaml` of k3s and RKE2, from which they configure their containerd.
struct RegistriesFile {
    let berth: Installation
    /// `/etc/rancher/k3s` or `/etc/rancher/rke2`.
    let directory: String

    private var mirrors: [Mirror] { berth.mirrors.filter { $0.endpoint.map { $0.isAnonymous || $0.isForUser } == true } }
    private var authority: String { directory + "/berth-ca.crt" }
    private var path: String { directory + "/registries.yaml" }

    /// The steps that write it.
    func write(_ page: inout Page, restart services: (server: String, agent: String)) {
        SharedSteps.readPassword(&page, berth)
        if let pem = berth.trust.authority {
            page.step("Save the authority's certificate")
            page.say("As root on each node.")
            page.run(SharedSteps.write(authority, pem))
        }
        page.step("Write registries.yaml")
        page.say("As root on each node, servers and agents. If the file exists, add the entries to it instead.")
        page.run(SharedSteps.write(path, isSecret: true, content))
        for mirror in mirrors where !mirror.prefix.isEmpty {
            page.say("Of \(mirror.registry?.description ?? ""), only names that start with \(mirror.prefix) are served.")
        }
        if !mirrors.isEmpty {
            page.say("If Berth has no answer, nodes ask the registry itself. --disable-default-registry-endpoint rules that out.")
        }
        page.step("Restart")
        page.say("The file is read at the start only. Pods keep running.")
        page.alternative("As root on servers:", "systemctl restart \(services.server)")
        page.alternative("As root on agents:", "systemctl restart \(services.agent)")
    }

    /// The references to try.
    var references: [String] {
        (berth.hasImage ? [berth.reference] : []) + mirrors.map { "\($0.registry?.description ?? "")/\($0.example)" }
    }

    /// What removes it.
    var removal: String { "rm \(path)" + (berth.trust.authority == nil ? "" : " \(authority)") }

    private var content: String {
        var endpoints = berth.hasImage ? [(berth.address.authority, berth.address)] : []
        endpoints += mirrors.compactMap { mirror in
            mirror.registry.flatMap { registry in mirror.endpoint.map { ("\(registry)", $0.address) } }
        }
        var lines = ["mirrors:"]
        for (name, address) in endpoints { lines += ["  \"\(name)\":", "    endpoint: [\"\(address.url)\"]"] }
        let hosts = endpoints.map(\.1).reduce(into: [ClientAddress]()) { if !$0.contains($1) { $0.append($1) } }
        let isConfigured = berth.user != nil || berth.trust.authority != nil
        if isConfigured { lines.append("configs:") }
        for host in hosts where isConfigured {
            lines.append("  \"\(host.authority)\":")
            if let login = berth.encodedLogin { lines.append("    auth: {auth: \"\(login)\"}") }
            if berth.trust.authority != nil { lines.append("    tls: {ca_file: \"\(authority)\"}") }
        }
        return lines.joined(separator: "\n")
    }
}
