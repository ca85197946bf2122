/// RKE2, which configures the containerd that it contains.
enum RKE2Recipe: Recipe {
    static let name = "rke2"
    static let summary = "RKE2: registries.yaml on each node, with login, certificate and mirrors"
    static let purpose = Purpose.imagesOrMirrors(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        let file = RegistriesFile(berth: berth, directory: "/etc/rancher/rke2")
        file.write(&page, restart: ("rke2-server", "rke2-agent"))
        page.say("On clusters that Rancher made, Rancher writes the file: see berth recipe rancher.")
        page.prove()
        page.say("As root on a node:")
        page.run(
            "export CRI_CONFIG_FILE=/var/lib/rancher/rke2/agent/etc/crictl.yaml\n"
                + file.references.map { "/var/lib/rancher/rke2/bin/crictl pull \($0)" }.joined(separator: "\n"))
        page.say("The reason of a failure is in /var/lib/rancher/rke2/agent/containerd/containerd.log.")
        page.undo()
        page.run(file.removal)
        page.say("Then restart as above.")
    }
}
