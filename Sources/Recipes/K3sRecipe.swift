/// k3s, which configures the containerd that it contains.
enum K3sRecipe: Recipe {
    static let name = "k3s"
    static let summary = "k3s: registries.yaml on each node, with login, certificate and mirrors"
    static let purpose = Purpose.imagesOrMirrors(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        let file = RegistriesFile(berth: berth, directory: "/etc/rancher/k3s")
        file.write(&page, restart: ("k3s", "k3s-agent"))
        page.prove()
        page.say("As root on a node:")
        page.run(file.references.map { "k3s crictl pull \($0)" }.joined(separator: "\n"))
        page.say(
            "The reason of a failure is in /var/lib/rancher/k3s/agent/containerd/containerd.log; the error shown is often that of the last attempt only."
        )
        page.undo()
        page.run(file.removal)
        page.say("Then restart as above.")
    }
}
