/// Docker Compose, and stacks of Docker Swarm.
enum ComposeRecipe: Recipe {
    static let name = "compose"
    static let summary = "Docker Compose and Swarm: services with images from Berth"
    static let purpose = Purpose.images(pushed: false)

    static func write(_ page: inout Page, for berth: Installation) {
        SharedSteps.letDockerIn(&page, berth)
        SharedSteps.logIn(&page, berth)
        page.step("Name the image")
        page.file(
            "compose.yaml", "yaml",
            """
            services:
              app:
                image: \(berth.reference)
                pull_policy: always
            """)
        page.prove()
        page.run("docker compose pull app")
        page.say("Compose 1.x is docker-compose pull app; it ignores pull_policy before 1.28.")
        if berth.user != nil {
            page.alternative(
                "In a Swarm, nodes get the login with the stack. It does not expire, so services that move to another node later still pull:",
                "docker stack deploy --with-registry-auth --compose-file compose.yaml STACK")
        }
        page.undo()
        page.run("docker compose down --rmi all" + (berth.user == nil ? "" : "\ndocker logout \(berth.address.authority)"))
        SharedSteps.shutDockerOut(&page, berth)
    }
}
