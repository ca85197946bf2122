/// Any Kubernetes cluster, by pull secrets.
enum KubernetesRecipe: Recipe {
    static let name = "kubernetes"
    static let summary = "Any Kubernetes cluster: a pull secret that never needs renewal"
    static let purpose = Purpose.images(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        if let advice = SharedSteps.nodes(berth) {
            page.step(berth.address.isHTTPS ? "Let the nodes trust the certificate" : "Let the nodes speak plain HTTP")
            page.say(advice)
        }
        if let secret = SharedSteps.pullSecret(berth, namespace: "default") {
            SharedSteps.readPassword(&page, berth)
            page.step("Create the secret")
            page.say("In each namespace whose pods pull; this is for default.")
            page.run(secret)
            page.step("Use it")
            page.say("For all pods of a namespace that name no service account:")
            page.run(
                "kubectl patch serviceaccount default --namespace default --patch '{\"imagePullSecrets\": [{\"name\": \"berth\"}]}'"
            )
            page.say("Or in the pods themselves:")
            page.file("pod.yaml", "yaml", pod(berth))
            page.say(
                "To log in whole nodes instead, without secrets: berth recipe containerd, k3s or rke2.")
        }
        page.prove()
        page.run(
            """
            kubectl run berth-pull --namespace default --image=\(berth.reference) --image-pull-policy=Always --restart=Never
            kubectl get events --namespace default --field-selector involvedObject.name=berth-pull
            """)
        page.say("The events show Pulled, or the reason why not.")
        page.undo()
        page.run("kubectl delete pod berth-pull --namespace default")
        if berth.user != nil {
            page.run(
                """
                kubectl patch serviceaccount default --namespace default --patch '{"imagePullSecrets": [{"$patch": "delete", "name": "berth"}]}'
                kubectl delete secret berth --namespace default
                """)
        }
    }

    private static func pod(_ berth: Installation) -> String {
        """
        apiVersion: v1
        kind: Pod
        metadata:
          name: app
        spec:
          imagePullSecrets:
            - name: berth
          containers:
            - name: app
              image: \(berth.reference)
        """
    }
}
