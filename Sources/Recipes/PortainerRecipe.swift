/// Portainer.
enum PortainerRecipe: Recipe {
    static let name = "portainer"
    static let summary = "Portainer: a custom registry for all environments"
    static let purpose = Purpose.images(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        SharedSteps.letDockerIn(&page, berth)
        page.step("Add the registry")
        let login = berth.user.map { "Authentication on, username \($0), its password" } ?? "Authentication off"
        page.say(
            "Settings (or Administration), Registries, Add registry, Custom registry (not AWS ECR, which is for ECR itself): name berth, registry URL \(berth.address.authority) (without a scheme), \(login). Then, in each environment under Registries, Manage access, say who may use it."
        )
        SharedSteps.readPassword(&page, berth, "Or, to add it by the API: read the password")
        page.step("Or, to add it by the API: send it")
        page.say("With an access token of your account in PORTAINER_TOKEN, Portainer's address in PORTAINER_URL, and jq.")
        page.run(request(berth))
        page.prove()
        page.say("In an environment: Images, Pull image, registry berth, image \(berth.imageName):\(berth.tag).")
        page.undo()
        page.say("Remove the registry berth from Registries.")
        SharedSteps.shutDockerOut(&page, berth)
    }

    private static func request(_ berth: Installation) -> String {
        // Type 3: custom.
        let common = "Name: \"berth\", Type: 3, URL: $address"
        let send = "curl --fail --header \"X-API-Key: $PORTAINER_TOKEN\" --json @- \"$PORTAINER_URL/api/registries\""
        guard let user = berth.user else {
            return "jq -n --arg address \(Quoted.shell(berth.address.authority)) '{\(common), Authentication: false}' |\n  \(send)"
        }
        return """
            password=$password jq -n --arg address \(Quoted.shell(berth.address.authority)) --arg user \(Quoted.shell(user)) \\
              '{\(common), Authentication: true, Username: $user, Password: env.password}' |
              \(send)
            """
    }
}
