/// GitLab CI.
enum GitLabRecipe: Recipe {
    static let name = "gitlab"
    static let summary = "GitLab CI: images of jobs by DOCKER_AUTH_CONFIG; jobs that build and push"
    static let purpose = Purpose.images(pushed: true)

    static func write(_ page: inout Page, for berth: Installation) {
        let address = berth.address.authority
        SharedSteps.warnIfReadOnly(&page, berth)
        SharedSteps.letDockerIn(&page, berth)
        if berth.trust.authority != nil || !berth.address.isHTTPS {
            page.say(
                "That is for runners with the docker executor. With the Kubernetes executor the nodes pull: berth recipe kubernetes."
            )
        }
        if let login = berth.encodedLogin, let user = berth.user {
            SharedSteps.readPassword(&page, berth)
            page.step("Let runners pull the images of jobs")
            page.run("printf '{\"auths\": {\"%s\": {\"auth\": \"%s\"}}}\\n' \(Quoted.shell(address)) \"\(login)\"")
            page.say(
                "What this prints is the value of the CI/CD variable DOCKER_AUTH_CONFIG (Settings, CI/CD, Variables; of the project, the group or the instance). Mark it protected if only protected branches need it. In a runner's config.toml it is environment = [\"DOCKER_AUTH_CONFIG=...\"]."
            )
            page.step("Let jobs log in")
            page.say(
                "For jobs that call docker: two more variables, REGISTRY_LOGIN_USER with \(user), and REGISTRY_LOGIN_PASSWORD with the password, masked."
            )
        }
        page.step("Use it")
        page.file(".gitlab-ci.yml", "yaml", pipeline(berth))
        page.prove()
        page.say("Run the pipeline. The job test begins with: Pulling docker image \(berth.reference)")
        page.undo()
        page.say("Remove the variables.")
        SharedSteps.shutDockerOut(&page, berth)
    }

    private static func pipeline(_ berth: Installation) -> String {
        var lines = ["test:", "  image: \(berth.reference)", "  script:", "    - echo \"runs in the image\""]
        guard berth.mayPush else { return lines.joined(separator: "\n") }
        lines += ["", "build:", "  image: docker:cli", "  services:"]
        if berth.address.isHTTPS || berth.isLoopback {
            lines.append("    - docker:dind")
        } else {
            lines += ["    - name: docker:dind", "      command: [\"--insecure-registry=\(berth.address.authority)\"]"]
        }
        lines.append("  script:")
        if berth.trust.authority != nil {
            // The engine in the service reads it from the runner's machine.
            lines.append(
                "    # The runner's config.toml needs: volumes = [\"/certs/client\", \"/etc/docker/certs.d:/etc/docker/certs.d:ro\"]"
            )
        }
        if berth.user != nil {
            lines.append(
                "    - printf %s \"$REGISTRY_LOGIN_PASSWORD\" | docker login --username \"$REGISTRY_LOGIN_USER\" --password-stdin \(berth.address.authority)"
            )
        }
        lines.append("    - docker build --tag \(berth.repository):$CI_COMMIT_SHORT_SHA .")
        lines.append("    - docker push \(berth.repository):$CI_COMMIT_SHORT_SHA")
        return lines.joined(separator: "\n")
    }
}
