import Access
import Configuration
import HTTP
import Registry

/// A configured gateway as its clients see it: what recipes are filled in with.
struct Installation {
    let settings: Settings
    let address: ClientAddress
    let trust: ServerTrust
    /// Who logs in; nil: nobody needs to.
    let user: String?
    /// nil: there is none that the user may pull, but there are mirrors.
    private let image: Image?
    /// Whether the user may push the image's repository.
    let mayPush: Bool
    let mirrors: [Mirror]
    private let origin: String
    private let notes: [String]
    private let hasLogin: Bool
    /// Nobody asked for this image.
    private let isExample: Bool

    /// - Parameter purpose: of the recipe.
    init(_ settings: Settings, _ request: RecipeRequest, for purpose: Purpose) throws(RecipeError) {
        let choice = try AddressChoice(in: settings, given: request.address, machine: request.machine)
        let (address, place) = (choice.address, choice.address.place())
        let anonymous = settings.anonymous.map { Principal(name: "anonymous", rules: $0) }
        let user = try Self.user(in: settings, request, at: address, pushes: purpose.pushes)
        let principal = user?.principal ?? anonymous ?? Principal(name: "anonymous", rules: [])
        mirrors = Mirror.all(in: settings, at: address, user: user?.principal, anonymous: anonymous)
        do throws(RecipeError) {
            image = try Image(
                in: settings, given: request.repository, at: address, for: principal,
                rules: user?.rules ?? settings.anonymous ?? [], pushed: purpose.pushes)
        } catch {
            guard purpose.needsNoImage, request.repository == nil else { throw error }
            image = nil
        }
        trust = try ServerTrust(
            of: choice, in: settings, given: request.authority, mirrors: mirrors.compactMap { $0.host?.address })
        (self.settings, self.address, origin) = (settings, address, choice.origin)
        (hasLogin, isExample) = (purpose.hasLogin, request.repository == nil)
        (self.user, notes) = (user?.principal.name, choice.notes)
        mayPush = image.map { principal.may(anyOf: [.push], on: $0.repository, at: place) } ?? false
    }

    /// The user who logs in; nil: there are only anonymous ones.
    private static func user(in settings: Settings, _ request: RecipeRequest, at address: ClientAddress, pushes: Bool)
        throws(RecipeError) -> (principal: Principal, rules: [AccessRule])?
    {
        if let name = request.user {
            guard let user = settings.users.first(where: { $0.name == name }) else {
                let known = settings.users.map(\.name)
                throw RecipeError(
                    "--user \(name): there is no such user; "
                        + (known.isEmpty ? "the configuration has none" : suggestion(for: name, among: known)))
            }
            return (Principal(name: name, rules: user.access), user.access)
        }
        let wanted: [Action] = pushes ? [.push, .pull] : [.pull]
        // Whether there is any repository; which one is found later.
        func may(_ user: Settings.User, _ action: Action) -> Bool {
            Principal(name: user.name, rules: user.access).may(anyOf: ActionSet(action), on: nil, at: address.place())
        }
        let user = settings.users.first { user in wanted.allSatisfy { may(user, $0) } } ?? settings.users.first { may($0, .pull) }
        return user.map { (Principal(name: $0.name, rules: $0.access), $0.access) }
    }

    /// Whether the user may pull an image that is not a mirror's. If not, the names below mean nothing.
    var hasImage: Bool { image != nil }
    /// As in a `docker pull`.
    var reference: String { "\(repository):\(tag)" }
    /// The same without its tag.
    var repository: String { "\(address.authority)/\(imageName)" }
    /// The same without the registry.
    var imageName: String { image?.repository.description ?? "" }
    /// Of the image.
    var tag: String { image?.tag ?? "" }

    /// Words of a shell command that print the user's login as Basic authentication encodes it. They need `$password`.
    var encodedLogin: String? { user.map { "$(printf %s:%s \(Quoted.shell($0)) \"$password\" | base64 -w0)" } }

    /// Whether docker, podman and BuildKit speak plain HTTP to it unasked.
    var isLoopback: Bool { address.name == "localhost" || address.name == "::1" || address.name.hasPrefix("127.") }

    /// What the page was filled in with, and what to know of it.
    func summarise(on page: inout Page) {
        let rights = hasImage ? "may \(mayPush ? "pull and push" : "pull") \(imageName)" : "may pull from mirrors only"
        var facts = [("Registry", "\(address.url) (from \(origin))"), ("Certificate", trust.description)]
        if hasLogin {
            facts.append(("User", user.map { "\($0), who \(rights)" } ?? "none: anybody \(rights)"))
            let example = isExample ? " (an example that the rules allow; name yours with --repository)" : ""
            if let image { facts.append(("Image", "\(reference), which is \(image.upstream):\(image.tag)\(example)")) }
        }
        page.facts(facts)
        for note in notes + trust.notes { page.note(note) }
        for mirror in mirrors where mirror.isExampleMadeUp {
            page.note("\(mirror.example) stands for any image of \(mirror.registry?.description ?? "the mirror").")
        }
    }
}
