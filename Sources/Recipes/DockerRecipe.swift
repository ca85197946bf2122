/// Docker Engine and its command line.
enum DockerRecipe: Recipe {
    static let name = "docker"
    static let summary = "Docker Engine: log in once, pull and push by name"
    static let purpose = Purpose.images(pushed: true)

    static func write(_ page: inout Page, for berth: Installation) {
        SharedSteps.letDockerIn(&page, berth)
        SharedSteps.logIn(&page, berth)
        page.prove()
        page.run("docker pull \(berth.reference)")
        if berth.mayPush { page.say("docker push works in the same way, with an image that docker tag has given such a name.") }
        page.undo()
        page.run("docker image rm \(berth.reference)")
        if berth.user != nil { page.run("docker logout \(berth.address.authority)") }
        SharedSteps.shutDockerOut(&page, berth)
    }
}
