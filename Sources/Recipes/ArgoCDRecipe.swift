/// Argo CD.
enum ArgoCDRecipe: Recipe {
    static let name = "argocd"
    static let summary = "Argo CD: Helm charts and other OCI artifacts as the source of applications"
    static let purpose = Purpose.images(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        let chart = Chart(berth)
        SharedSteps.readPassword(&page, berth)
        if let authority = berth.trust.authority {
            page.step("Trust the certificate")
            page.say("The key is the host, without a port. Argo CD reads the change within a minute or two.")
            page.file(
                "argocd-tls-certs-cm.yaml", "yaml",
                """
                apiVersion: v1
                kind: ConfigMap
                metadata:
                  name: argocd-tls-certs-cm
                  namespace: argocd
                  labels:
                    app.kubernetes.io/part-of: argocd
                data:
                  \(Quoted.json(berth.address.name)): |
                \(authority.trimmed.indented(by: 4))
                """)
            page.say("It replaces other entries; if there are any, add the key with kubectl edit instead.")
            page.run("kubectl apply --filename argocd-tls-certs-cm.yaml")
        }
        page.step("Add the repository")
        if !berth.address.isHTTPS { page.say("Over plain HTTP, only Argo CD 3.1 and later read charts, by type oci.") }
        page.run(secret(berth, chart))
        page.step("Use it")
        page.file("application.yaml", "yaml", application(berth, chart))
        page.say("The images of the pods are pulled by the nodes: berth recipe kubernetes.")
        page.prove()
        page.run("kubectl apply --filename application.yaml\nkubectl get application berth-example --namespace argocd")
        page.say("The application is Synced if the chart \(berth.reference) exists.")
        page.undo()
        page.run(
            "kubectl delete application berth-example --namespace argocd\nkubectl delete secret berth-repository --namespace argocd"
        )
        if berth.trust.authority != nil { page.say("Remove the key \(berth.address.name) from the ConfigMap argocd-tls-certs-cm.") }
    }

    /// With the key that Argo CD finds it by. `kubectl create` encodes whatever the password contains.
    private static func secret(_ berth: Installation, _ chart: Chart) -> String {
        var values =
            berth.address.isHTTPS
            ? ["type=helm", "enableOCI=true", "url=\(chart.parent)"]
            : ["type=oci", "insecureOCIForceHttp=true", "url=oci://\(berth.repository)"]
        if let user = berth.user { values.append("username=\(Quoted.shell(user))") }
        let literals = values.map { "--from-literal=\($0)" } + (berth.user == nil ? [] : ["--from-file=password=/dev/stdin"])
        return """
            \(berth.user == nil ? "" : "printf %s \"$password\" | ")kubectl create secret generic berth-repository --namespace argocd \\
              \(literals.joined(separator: " \\\n  "))
            kubectl label secret berth-repository --namespace argocd argocd.argoproj.io/secret-type=repository
            """
    }

    private static func application(_ berth: Installation, _ chart: Chart) -> String {
        let source =
            berth.address.isHTTPS
            ? "repoURL: \(chart.parent)\n    chart: \(chart.name)"
            : "repoURL: oci://\(berth.repository)\n    path: ."
        return """
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: berth-example
              namespace: argocd
            spec:
              project: default
              source:
                \(source)
                targetRevision: \(Quoted.json(berth.tag))
              destination:
                server: https://kubernetes.default.svc
                namespace: default
            """
    }
}
