/// Flux.
enum FluxRecipe: Recipe {
    static let name = "flux"
    static let summary = "Flux: OCI artifacts and Helm charts as sources"
    static let purpose = Purpose.images(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        if let secret = SharedSteps.pullSecret(berth, namespace: "flux-system") {
            SharedSteps.readPassword(&page, berth)
            page.step("Create the secret")
            page.say("In the namespace of the sources. It never needs renewal.")
            page.run(secret)
        }
        if let authority = berth.trust.authority {
            page.step("Create the secret with the authority's certificate")
            page.run(
                "kubectl create secret generic berth-ca --namespace flux-system --from-file=ca.crt=/dev/stdin <<'EOF'\n\(authority.trimmed)\nEOF"
            )
        }
        page.step("Use it")
        page.say(
            "apiVersion is source.toolkit.fluxcd.io/v1beta2 before Flux 2.6. A HelmRepository of type oci takes the same secretRef, certSecretRef and insecure."
        )
        var lines = [
            "apiVersion: source.toolkit.fluxcd.io/v1", "kind: OCIRepository", "metadata:", "  name: berth-example",
            "  namespace: flux-system",
            "spec:", "  interval: 10m", "  url: oci://\(berth.repository)", "  ref:", "    tag: \(Quoted.json(berth.tag))",
        ]
        if berth.user != nil { lines += ["  secretRef:", "    name: berth"] }
        if berth.trust.authority != nil { lines += ["  certSecretRef:", "    name: berth-ca"] }
        if !berth.address.isHTTPS { lines.append("  insecure: true") }
        page.file("source.yaml", "yaml", lines.joined(separator: "\n"))
        page.run("kubectl apply --filename source.yaml")
        page.say(
            "An ImageRepository (image automation) takes the same secretRef. The images of the pods are pulled by the nodes: berth recipe kubernetes."
        )
        page.prove()
        page.run("kubectl wait ocirepository/berth-example --namespace flux-system --for=condition=Ready --timeout=60s")
        page.say("It becomes ready if the artifact \(berth.reference) exists; flux push artifact makes one.")
        page.undo()
        let secrets = (berth.user == nil ? [] : ["berth"]) + (berth.trust.authority == nil ? [] : ["berth-ca"])
        page.run(
            "kubectl delete ocirepository berth-example --namespace flux-system"
                + (secrets.isEmpty ? "" : "\nkubectl delete secret \(secrets.joined(separator: " ")) --namespace flux-system"))
    }
}
