/// Steps that several recipes have.
enum SharedSteps {
    /// The password goes into `$password`, from which later commands take it.
    static func readPassword(_ page: inout Page, _ berth: Installation, _ title: String = "Read the password") {
        guard let user = berth.user else { return }
        page.step(title)
        page.say("Paste this line alone, and type the password. It is neither shown nor kept in the shell's history.")
        page.runAlone("read -rsp \(Quoted.shell("Password of \(user): ")) password")
    }

    /// Commands that write a file, of which `$(…)` and `$password` are filled in by the shell if it is a secret.
    static func write(_ path: String, isSecret: Bool = false, _ content: String) -> String {
        "install -D -m \(isSecret ? 600 : 644) /dev/stdin \(path) <<\(isSecret ? "EOF" : "'EOF'")\n\(content.trimmed)\nEOF"
    }

    /// Docker's trust in the certificate, or its leave to speak plain HTTP, on every machine whose engine pulls.
    static func letDockerIn(_ page: inout Page, _ berth: Installation, addresses: [ClientAddress]? = nil) {
        let addresses = addresses ?? [berth.address]
        if let authority = berth.trust.authority {
            page.step("Trust the certificate")
            page.say(
                "As root on each machine that runs Docker. Docker reads the file at the next connection; nothing needs a restart.")
            page.run(addresses.map { write(certificates(of: $0), authority) }.joined(separator: "\n"))
        } else if !berth.address.isHTTPS, !berth.isLoopback {
            page.step("Allow plain HTTP")
            page.say("On each machine that runs Docker. If the file exists, add the key to it.")
            let names = addresses.map { Quoted.json($0.authority) }.joined(separator: ", ")
            page.file(dockerFile, "json", "{\n  \"insecure-registries\": [\(names)]\n}")
            page.say("Then, as root. A reload is enough; containers keep running.")
            page.run("systemctl reload docker")
        }
    }

    /// What undoes `letDockerIn`.
    static func shutDockerOut(_ page: inout Page, _ berth: Installation, addresses: [ClientAddress]? = nil) {
        if berth.trust.authority != nil {
            page.run((addresses ?? [berth.address]).map { "rm -r /etc/docker/certs.d/\($0.authority)" }.joined(separator: "\n"))
        } else if !berth.address.isHTTPS, !berth.isLoopback {
            page.say("Remove the key from \(dockerFile), and run: systemctl reload docker")
        }
    }

    static let dockerFile = "/etc/docker/daemon.json"

    private static func certificates(of address: ClientAddress) -> String { "/etc/docker/certs.d/\(address.authority)/ca.crt" }

    /// How the docker command line logs in.
    static func logIn(_ page: inout Page, _ berth: Installation, with program: String = "docker") {
        guard let user = berth.user else { return }
        let words = "\(program) login --username \(Quoted.shell(user))"
        page.step("Log in")
        page.say("Once for each account that pulls: the password never changes. It is asked for.")
        page.runAlone("\(words) \(berth.address.authority)")
        page.alternative("In a script, with the password in a file:", "\(words) --password-stdin \(berth.address.authority) < FILE")
    }

    /// What makes a Kubernetes secret with the login. The password is in no command line, which other users of the machine could see.
    static func pullSecret(_ berth: Installation, namespace: String) -> String? {
        berth.encodedLogin.map { login in
            """
            kubectl create secret generic berth --namespace \(namespace) --type=kubernetes.io/dockerconfigjson \\
              --from-file=.dockerconfigjson=/dev/stdin <<EOF
            {"auths": {\(Quoted.json(berth.address.authority)): {"auth": "\(login)"}}}
            EOF
            """
        }
    }

    /// What a pull secret cannot say; nil: it says all.
    static func nodes(_ berth: Installation) -> String? {
        guard berth.trust.authority != nil || !berth.address.isHTTPS else { return nil }
        let what = berth.address.isHTTPS ? "trust the certificate" : "speak plain HTTP"
        return
            "A secret does not make nodes \(what); their runtime must be told. See berth recipe containerd, k3s, rke2, docker (cri-dockerd) or podman (CRI-O)."
    }

    /// Who may not push what the recipe pushes.
    static func warnIfReadOnly(_ page: inout Page, _ berth: Installation) {
        guard !berth.mayPush else { return }
        let user = berth.user.map { "'\($0)'" } ?? "the anonymous user"
        page.note(
            "\(user) may not push \(berth.imageName). To push, add push to the actions of a rule in the configuration.")
    }
}

extension String {
    /// Without line ends at its end.
    var trimmed: String { String(self[..<(lastIndex { !$0.isNewline }.map(index(after:)) ?? startIndex)]) }

    /// Each line moved to the right.
    func indented(by columns: Int) -> String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String(repeating: " ", count: columns) + $0 }
            .joined(separator: "\n")
    }
}
