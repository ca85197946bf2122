import Configuration
import Testing

@testable import Recipes

/// Every recipe, for each kind of configuration.
struct RecipeTests {
    private static let names = RecipeBook.list.map(\.name)

    @Test(arguments: names, Sample.all)
    func `a recipe is complete for each configuration that supports it`(name: String, sample: Sample) throws {
        let folder = try Folder()
        let settings = try sample.settings(folder)
        let page: (text: String, isSupported: Bool)
        do throws(RecipeError) { page = try RecipeBook.page(name, for: settings, sample.request) } catch {
            #expect(
                sample.isMirrorOnly && !["docker-mirror", "containerd", "podman", "buildkit", "k3s", "rke2"].contains(name),
                "\(error)")
            return
        }
        #expect(page.text.hasPrefix("# \(name)\n\n"))
        for fault in ["Optional(", " nil", "\\(", "``````", "```\n\n```\n", "  \n", "://:", " ,"] {
            #expect(!page.text.contains(fault), "\(fault.debugDescription) in \(page.text)")
        }
        // A block opens and closes, and none is empty.
        let fences = page.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().filter {
            $0.element.hasPrefix("```")
        }
        #expect(fences.count.isMultiple(of: 2))
        for pair in stride(from: 0, to: fences.count, by: 2) { #expect(fences[pair + 1].offset - fences[pair].offset > 1) }
        guard page.isSupported else {
            #expect(name == "docker-mirror" && !sample.hasHub)
            return
        }
        #expect(page.text.contains("\n## Prove it\n") && page.text.contains("\n## Undo it\n"))
        #expect(page.text.contains(name == "docker-mirror" ? "hub.example.com" : sample.authority))
        // Trust, and leave to speak plain HTTP, only where they are needed.
        #expect(page.text.contains("BEGIN CERTIFICATE") || page.text.contains("caBundle") == false || sample.hasPrivateAuthority)
        #expect(!page.text.contains("BEGIN CERTIFICATE") || sample.hasPrivateAuthority)
        let lax = ["insecure-registries", "insecure = true", "http = true", "--plain-http", "insecure: true", "insecureOCI"]
        #expect(!sample.isHTTPS || !lax.contains { page.text.contains($0) })
        #expect(!page.text.contains(Sample.password) && !page.text.contains("$2y$"))
    }

    @Test func `an unknown name gets the nearest one`() throws {
        let settings = try Sample.plain.settings(Folder())
        let error = #expect(throws: RecipeError.self) {
            try RecipeBook.page("kubernets", for: settings, RecipeRequest(machine: "m"))
        }
        #expect(error?.description == "there is no recipe 'kubernets'; did you mean 'kubernetes'?")
    }

    @Test func `a user name in a command is one word of the shell`() throws {
        let folder = try Folder()
        let text = try RecipeBook.page("docker", for: Sample.oddUser.settings(folder), Sample.oddUser.request).text
        #expect(text.contains("\ndocker login --username 'o'\\''neil $HOME' registry.example.com\n"))
    }

    @Test func `a user who may push is preferred where the client pushes`() throws {
        let folder = try Folder()
        let settings = try Sample.tls.settings(folder)
        func user(_ name: String) throws -> Substring? {
            try RecipeBook.page(name, for: settings, Sample.tls.request).text.firstMatch(of: #/- User: (\w+),/#)?.1
        }
        #expect(try user("jenkins") == "ci")
        #expect(try user("kubernetes") == "rancher")
    }
}
