import Access
import ArgumentParser
import HTTP
import Registry

/// The options of `check` about one repository.
struct AskedImage: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Pull this image for real, as a client names it: route, permissions, manifest, and a byte of each layer.",
            valueName: "name[:tag]"))
    var repository: String?

    @Flag(help: "With --repository: also push a small artifact under the tag berth-check-<time>, and delete it.")
    var push = false

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "With --action and --repository: which rule decides whether this user, or anonymous, may do that. Does not need AWS.",
            valueName: "user"))
    var user: String?

    @Option(help: ArgumentHelp("With --as: pull, push, delete or list.", valueName: "action"))
    var action: String?

    @Option(
        help: ArgumentHelp(
            "With --repository: the host that the client addresses, for routes and rules that name one.", valueName: "host"))
    var host: String?

    @Option(help: ArgumentHelp("With --repository: the registry that the client means (containerd's ns).", valueName: "registry"))
    var namespace: String?

    func validate() throws {
        guard let repository else {
            for (isGiven, name) in [
                (push, "push"), (user != nil, "as"), (action != nil, "action"), (host != nil, "host"),
                (namespace != nil, "namespace"),
            ] where isGiven { throw ValidationError("--\(name) needs --repository NAME") }
            return
        }
        if let slash = repository.firstIndex(of: "/"), ECRHost(HostName.normalized(String(repository[..<slash]))) != nil {
            let name = repository[repository.index(after: slash)...]
            throw ValidationError("--repository \(repository): write the name without ECR's address: \(name)")
        }
        guard ImageName(repository) != nil else { throw ValidationError("--repository \(repository): write \(ImageName.allowed)") }
        guard (user == nil) == (action == nil) else { throw ValidationError("--as and --action go together; give both") }
        if let action, Action(rawValue: action) == nil {
            throw ValidationError("--action \(action): write one of \(Action.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if user != nil, push { throw ValidationError("--push and --as do not go together; --as asks the rules alone") }
        for (name, text) in [("host", host), ("namespace", namespace)] {
            if let text, HostName(text) == nil {
                throw ValidationError("--\(name) \(text): write a host, like registry.example.com")
            }
        }
    }

    /// nil: `check` was not asked about a repository.
    var image: ImageName? { repository.flatMap(ImageName.init) }

    var place: Place { Place(host: host.map { Array($0.utf8)[...] }, namespace: namespace.map { Array($0.utf8) }) }
}
