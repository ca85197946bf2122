/// Bamboo plans.
enum BambooRecipe: Recipe {
    static let name = "bamboo"
    static let summary = "Bamboo: shared credentials for Docker tasks; agents that are logged in for the Docker runner"
    static let purpose = Purpose.images(pushed: true)

    static func write(_ page: inout Page, for berth: Installation) {
        SharedSteps.warnIfReadOnly(&page, berth)
        SharedSteps.letDockerIn(&page, berth)
        if let user = berth.user {
            page.step("Store the credential")
            page.say(
                "Bamboo administration, Shared credentials, Add new credentials, Username and password: name berth, user name \(user), its password. It never changes."
            )
            page.step("Use it in Docker tasks")
            page.say(
                "In the task Docker, command Push a Docker image to a Docker registry (or Pull): Custom registry, repository \(berth.reference), and as authentication the shared credentials berth. Older versions take user name and password in the task itself."
            )
            page.step("Log in the agents, for the Docker runner")
            page.say("Jobs that run in a container are pulled by the agent. On each agent, as the agent's own user:")
            page.run("docker login --username \(Quoted.shell(user)) \(berth.address.authority)")
        } else {
            page.step("Use it in Docker tasks")
            page.say("In the task Docker: Custom registry, repository \(berth.reference). Nobody needs to log in.")
        }
        page.say("A job of a plan in Bamboo Specs:")
        page.file(
            "bamboo-specs/bamboo.yaml", "yaml",
            """
            version: 2
            plan:
              project-key: APP
              key: IMAGE
              name: Image
            stages:
              - Test:
                  jobs:
                    - Test
            Test:
              docker:
                image: \(berth.reference)
              tasks:
                - script:
                    - echo "runs in the image"
            """)
        page.prove()
        page.run("docker pull \(berth.reference)")
        page.say("As the agent's user, on an agent. A build's log shows the same.")
        page.undo()
        page.run("docker image rm \(berth.reference)")
        if berth.user != nil { page.run("docker logout \(berth.address.authority)") }
        page.say("Remove the shared credentials berth.")
        SharedSteps.shutDockerOut(&page, berth)
    }
}
