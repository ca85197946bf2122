import Access
import Configuration
import Registry

/// The image that a recipe's commands pull: one that the user may pull and that a route serves.
struct Image {
    let repository: Repository
    let tag: String
    /// Where it is in ECR: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app`.
    let upstream: String

    /// A version that is also one for Helm, which takes no other tags.
    private static let exampleTag = "1.0.0"

    /// - Parameter given: `name` or `name:tag`; nil: found from the rules.
    /// - Throws: when it cannot be one, or nobody serves it, or the user may not pull it.
    init(
        in settings: Settings, given: String?, at address: ClientAddress, for principal: Principal, rules: [AccessRule],
        pushed: Bool
    )
        throws(RecipeError)
    {
        let table = ServedNames(settings), place = address.place()
        func isAllowed(_ repository: Repository, _ action: Action) -> Bool {
            table.target(of: repository, at: place) != nil && principal.may(anyOf: ActionSet(action), on: repository, at: place)
        }
        let candidates = Self.candidates(rules, table)
        let found: (Repository, String)
        if let given {
            let parts = given.split(separator: ":", maxSplits: 1).map(String.init)
            let tag = parts.count > 1 ? parts[1] : Self.exampleTag
            guard let name = parts.first.flatMap({ Repository($0) }), Tag(Array(tag.utf8)) != nil else {
                throw RecipeError(
                    "--repository \(given): this is not a name; write one like team/app or team/app:1.0.0, without a host")
            }
            guard table.target(of: name, at: place) != nil else {
                throw RecipeError("--repository \(given): no route leads from \(address.authority) to it; add one to routes")
            }
            guard isAllowed(name, .pull) else {
                let patterns = rules.flatMap(\.repositories).map { "\($0)" }.joined(separator: ", ")
                throw RecipeError(
                    "--repository \(given): \(principal.name) may not pull it at \(address.authority) (patterns: \(patterns)); give another name, or another user with --user"
                )
            }
            found = (name, tag)
        } else if let name = (pushed ? candidates.first { isAllowed($0, .push) && isAllowed($0, .pull) } : nil)
            ?? candidates.first(where: { isAllowed($0, .pull) })
        {
            found = (name, Self.exampleTag)
        } else {
            throw RecipeError(
                "no repository is known that \(principal.name) may pull at \(address.authority); give one with --repository NAME")
        }
        (repository, tag) = found
        let target = table.target(of: repository, at: place)
        let host = settings.upstreams.first { $0.name == target?.upstream }?.registry.host ?? ""
        upstream = "\(host)/\(target?.repository.description ?? "")"
    }

    /// Names that the rules' patterns match, and names below the routes' prefixes.
    private static func candidates(_ rules: [AccessRule], _ table: ServedNames) -> [Repository] {
        let patterns = rules.flatMap(\.repositories).map { "\($0)" }
        let prefixes = table.prefixes
        let names =
            patterns.filter { !$0.contains("*") } + patterns.map { $0 == "**" ? "team/app" : filled($0) }
            + prefixes.map { $0 + "app" }
            + prefixes.flatMap { prefix in patterns.map { prefix + filled($0) } }
        return names.compactMap { Repository($0) }
    }

    private static func filled(_ pattern: String) -> String { pattern.replacing("**", with: "*").replacing("*", with: "app") }
}
