/// Helm.
enum HelmRecipe: Recipe {
    static let name = "helm"
    static let summary = "Helm 3.8 or later: charts in ECR"
    static let purpose = Purpose.images(pushed: true)

    static func write(_ page: inout Page, for berth: Installation) {
        let chart = Chart(berth)
        SharedSteps.warnIfReadOnly(&page, berth)
        if let authority = berth.trust.authority {
            page.step("Save the authority's certificate")
            page.say("Each command takes it with --ca-file. Or install it in the machine's store.")
            page.run(SharedSteps.write("berth-ca.crt", authority))
        }
        let option = berth.trust.authority != nil ? " --ca-file berth-ca.crt" : berth.address.isHTTPS ? "" : " --plain-http"
        if let user = berth.user {
            page.step("Log in")
            page.say("Once: the password never changes. It is asked for.")
            if !berth.address.isHTTPS { page.say("login knows --plain-http since Helm 3.18, the other commands since 3.13.") }
            page.run("helm registry login --username \(Quoted.shell(user))\(option) \(berth.address.authority)")
        }
        if berth.mayPush {
            page.step("Push a chart")
            page.say(
                "Helm adds the chart's name to the address: the chart \(chart.name) is stored in \(berth.imageName). In ECR the repository must exist, unless create_repositories matches its name."
            )
            page.run(
                "helm create \(chart.name)\nhelm package --version \(berth.tag) \(chart.name)\nhelm push\(option) \(chart.name)-\(berth.tag).tgz oci://\(chart.parent)"
            )
        }
        page.prove()
        page.run("helm pull\(option) oci://\(berth.repository) --version \(berth.tag)")
        page.alternative("To install it:", "helm install NAME\(option) oci://\(berth.repository) --version \(berth.tag)")
        page.undo()
        if berth.user != nil { page.run("helm registry logout \(berth.address.authority)") }
        if berth.trust.authority != nil { page.run("rm berth-ca.crt") }
        if berth.user == nil, berth.trust.authority == nil { page.say("There is nothing to undo.") }
    }
}
