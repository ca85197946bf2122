/// Jenkins pipelines.
enum JenkinsRecipe: Recipe {
    static let name = "jenkins"
    static let summary = "Jenkins: one credential; pipelines that pull, build and push"
    static let purpose = Purpose.images(pushed: true)

    static func write(_ page: inout Page, for berth: Installation) {
        SharedSteps.warnIfReadOnly(&page, berth)
        SharedSteps.letDockerIn(&page, berth)
        if let user = berth.user {
            page.step("Store the credential")
            page.say(
                "Manage Jenkins, Credentials, System, Global credentials, Add: kind Username with password, user name \(user), its password, ID berth. It never changes. With the plugin Configuration as Code instead, which reads REGISTRY_PASSWORD from its secrets:"
            )
            page.file(
                "jenkins.yaml", "yaml",
                """
                credentials:
                  system:
                    domainCredentials:
                      - credentials:
                          - usernamePassword:
                              scope: GLOBAL
                              id: berth
                              username: \(Quoted.json(user))
                              password: ${REGISTRY_PASSWORD}
                """)
        }
        page.step("Use it")
        page.say("With the plugins Docker and Docker Pipeline, on an agent with Docker:")
        page.file("Jenkinsfile", "groovy", pipeline(berth))
        page.say("Agents that are pods pull with a secret of their namespace: berth recipe kubernetes.")
        page.prove()
        page.say("Run the pipeline. Its log shows \(berth.mayPush ? "the pull and the push" : "the pull") of \(berth.repository).")
        page.undo()
        page.say("Remove the credential berth.")
        SharedSteps.shutDockerOut(&page, berth)
    }

    private static func pipeline(_ berth: Installation) -> String {
        let registry = "'\(berth.address.url)'" + (berth.user == nil ? "" : ", 'berth'")
        // The plugin puts the registry's host before names.
        let push = berth.mayPush ? "\n            docker.build(\"\(berth.imageName):${env.BUILD_NUMBER}\").push()" : ""
        return """
            pipeline {
              agent any
              stages {
                stage('image') {
                  steps {
                    script {
                      docker.withRegistry(\(registry)) {
                        docker.image('\(berth.imageName):\(berth.tag)').pull()\(push)
                      }
                    }
                  }
                }
              }
            }
            """
    }
}
