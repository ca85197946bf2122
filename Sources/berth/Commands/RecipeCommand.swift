import ArgumentParser
import Configuration
import Crypto
import Glibc
import Recipes

struct RecipeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipe",
        abstract: "Print how to point a client or platform at Berth, filled in from the configuration. Without a name, list them.")

    @Argument(help: ArgumentHelp("The client or platform.", valueName: "name"))
    var name: String?

    @OptionGroup var options: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "Where clients reach Berth; with https:// in front if a proxy ends TLS there, with http:// if nothing does. Default: public_url, or the first listener with TLS, or the first one.",
            valueName: "host[:port]"))
    var address: String?

    @Option(help: ArgumentHelp("The user who logs in. Default: the first that may do what the client does.", valueName: "name"))
    var user: String?

    @Option(
        help: ArgumentHelp("The image that the commands name. Default: one that the user's rules allow.", valueName: "name[:tag]"))
    var repository: String?

    @Option(
        help: ArgumentHelp(
            "The certificate of the authority that clients must trust, as a PEM file. Default: found from the listener's certificate.",
            valueName: "file"))
    var ca: String?

    func run() async throws {
        protectProcessMemory()
        guard let name else {
            let width = RecipeBook.list.map(\.name.count).max() ?? 0
            for recipe in RecipeBook.list {
                show(recipe.name.padded(to: width + 2) + recipe.summary)
            }
            show("\nberth recipe NAME prints one; --help lists the options.")
            return
        }
        guard RecipeBook.list.contains(where: { $0.name == name }) else {
            throw ValidationError("There is no recipe '\(name)': \(suggestion(for: name, among: RecipeBook.list.map(\.name)))")
        }
        let request = RecipeRequest(
            address: address, user: user, repository: repository, authority: ca, machine: Self.machine)
        let settings = try options.read()
        let page: (text: String, isSupported: Bool)
        do throws(RecipeError) { page = try RecipeBook.page(name, for: settings, request) } catch {
            throw ValidationError("\(error)")
        }
        print(page.text, terminator: "")
        if !page.isSupported { throw ExitCode.unavailable }
    }

    /// This machine's name, as it calls itself.
    private static var machine: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
