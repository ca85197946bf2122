import FoundationEssentials

/// Rancher 1.x and 2.x.
enum RancherRecipe: Recipe {
    static let name = "rancher"
    static let summary = "Rancher 1.x and 2.x: one registry with one credential"
    static let purpose = Purpose.images(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        let address = berth.address.authority, user = berth.user ?? ""
        SharedSteps.readPassword(&page, berth)
        page.heading("Rancher 2.x: pods of any cluster")
        if let secret = SharedSteps.pullSecret(berth, namespace: "default") {
            page.say(
                "In the cluster: Storage, Secrets, Create, Registry; Custom; registry domain name \(address), user \(user), its password. Or, which is the same:"
            )
            page.run(secret)
            page.say("Workloads choose it under Pull Secrets. It needs no renewal.")
        } else {
            page.say("Nobody needs to log in: workloads name \(berth.reference) without a secret.")
        }
        if let advice = SharedSteps.nodes(berth) { page.say(advice) }
        provisioned(&page, berth)
        page.heading("Rancher 2.x: Rancher's own images")
        page.say(
            "The global setting system-default-registry takes \(address), without a scheme and without a login. Set it only if Rancher's images (rancher/...) are in that registry, and anybody may pull them; with a login, choose the registry in the cluster's configuration instead."
        )
        version1(&page, berth)
        page.prove()
        page.say("Deploy a workload with the image \(berth.reference). Its events show Pulled.")
        page.undo()
        if berth.user != nil {
            page.run(
                "kubectl delete secret berth --namespace default\nkubectl delete secret berth-registry --namespace fleet-default")
        }
        page.say("Remove the registry from the cluster's configuration, or in Rancher 1.x under Infrastructure, Registries.")
    }

    /// Clusters of RKE2 and k3s that Rancher made.
    private static func provisioned(_ page: inout Page, _ berth: Installation) {
        let address = berth.address.authority
        page.heading("Rancher 2.6 and later: nodes of a cluster that Rancher made")
        page.say("Rancher writes registries.yaml of RKE2 and k3s nodes. In the management cluster:")
        if let user = berth.user {
            page.run(
                """
                printf %s "$password" | kubectl create secret generic berth-registry --namespace fleet-default \\
                  --type=kubernetes.io/basic-auth --from-literal=username=\(Quoted.shell(user)) --from-file=password=/dev/stdin
                """)
        }
        page.say("Then under Cluster Management, the cluster, Edit as YAML (or Registries, Advanced, in the form):")
        var lines = ["spec:", "  rkeConfig:", "    registries:", "      mirrors:", "        \"\(address)\":"]
        lines.append("          endpoint: [\"\(berth.address.url)\"]")
        for mirror in berth.mirrors {
            guard let registry = mirror.registry, let endpoint = mirror.endpoint, endpoint.isAnonymous || endpoint.isForUser else {
                continue
            }
            lines += ["        \"\(registry)\":", "          endpoint: [\"\(endpoint.address.url)\"]"]
        }
        if berth.user != nil || berth.trust.authority != nil { lines += ["      configs:", "        \"\(address)\":"] }
        if berth.user != nil { lines.append("          authConfigSecretName: berth-registry") }
        if let authority = berth.trust.authority {
            lines.append("          caBundle: \(Data(authority.utf8).base64EncodedString())")
        }
        page.file("cluster.yaml", "yaml", lines.joined(separator: "\n"))
        page.say("Saving restarts the agents on the nodes, one after another; pods keep running.")
    }

    /// Cattle.
    private static func version1(_ page: inout Page, _ berth: Installation) {
        let address = berth.address.authority
        page.heading("Rancher 1.x")
        page.say(
            "In each environment: Infrastructure, Registries, Add Registry, Custom; address \(address) (without a scheme)\(berth.user.map { ", user \($0), its password" } ?? ""). Rancher uses the newest credential of an address, so remove an updater that rewrites it every twelve hours. "
        )
        guard let user = berth.user else { return }
        page.say(
            "Or with jq, an API key of the environment in RANCHER_ACCESS_KEY and RANCHER_SECRET_KEY, Rancher's address in RANCHER_URL, and the environment's ID in RANCHER_PROJECT:"
        )
        page.run(
            """
            api() { curl --fail --silent --user "$RANCHER_ACCESS_KEY:$RANCHER_SECRET_KEY" --json @- "$RANCHER_URL/v2-beta/projects/$RANCHER_PROJECT/$1"; }
            registry=$(jq -n --arg address \(Quoted.shell(address)) '{serverAddress: $address, name: "berth"}' | api registries | jq -r .id)
            password=$password jq -n --arg registry "$registry" --arg user \(Quoted.shell(user)) \\
              '{registryId: $registry, publicValue: $user, secretValue: env.password}' | api registryCredentials
            """)
        if berth.trust.authority != nil || !berth.address.isHTTPS {
            page.say("Each host's Docker must accept the address: berth recipe docker.")
        }
    }
}
