import Configuration
import Testing

@testable import Recipes

/// Where clients reach the gateway.
struct AddressChoiceTests {
    private static let rest = """
        upstreams: [{name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}]
        anonymous: {access: [{repositories: ["team/**"], actions: [pull]}]}
        """
    private static let tls = "tls: {certificate: FOLDER/tls.crt, private_key: FOLDER/tls.key}"

    private static func choice(_ listeners: String, _ given: String? = nil) throws -> AddressChoice {
        let folder = try Folder()
        try folder.issue(["*.example.com", "registry.example.com"])
        let text = "listeners: [\(listeners)]\n\(rest)".replacing("FOLDER", with: folder.path)
        let settings = try SettingsFile.parse(text, file: "berth.yaml", environment: [:])
        return try AddressChoice(in: settings, given: given, machine: "node1")
    }

    @Test(
        arguments: [
            ("{address: 0.0.0.0:5000, public_url: https://r.example.com}", nil, "https://r.example.com"),
            ("{address: 0.0.0.0:5000, public_url: https://r.example.com:443}", nil, "https://r.example.com"),
            ("{address: 10.0.0.5:5000}", nil, "http://10.0.0.5:5000"),
            ("{address: \"[fd00::5]:5000\"}", nil, "http://[fd00::5]:5000"),
            ("{address: 0.0.0.0:5000}", nil, "http://node1:5000"),
            ("{address: 0.0.0.0:80}", nil, "http://node1:80"),
            ("{address: 0.0.0.0:5000, \(tls)}", nil, "https://registry.example.com:5000"),
            ("{address: 0.0.0.0:443, \(tls)}", nil, "https://registry.example.com"),
            ("{address: 127.0.0.1:80}, {address: 0.0.0.0:5443, \(tls)}", nil, "https://registry.example.com:5443"),
            ("{address: 0.0.0.0:5000}", "Registry.Example.Com.", "http://registry.example.com"),
            ("{address: 0.0.0.0:5000}", "https://registry.example.com/", "https://registry.example.com"),
            ("{address: 0.0.0.0:5000, trusted_proxies: [10.0.0.0/8]}", "registry.example.com", "https://registry.example.com"),
            (
                "{address: 0.0.0.0:5000, trusted_proxies: [10.0.0.0/8]}", "registry.example.com:5000",
                "http://registry.example.com:5000"
            ),
            ("{address: 0.0.0.0:80}, {address: 0.0.0.0:5443, \(tls)}", "r.example.com:80", "http://r.example.com"),
            ("{address: 0.0.0.0:80}, {address: 0.0.0.0:5443, \(tls)}", "r.example.com:5443", "https://r.example.com:5443"),
            ("{address: 0.0.0.0:80}, {address: 0.0.0.0:5443, \(tls)}", "r.example.com", "https://r.example.com"),
            ("{address: 0.0.0.0:5000}", "localhost:5000", "http://localhost:5000"),
        ] as [(String, String?, String)])
    func `the address is that which clients use`(listeners: String, given: String?, expected: String) throws {
        #expect(try Self.choice(listeners, given).address.url == expected)
    }

    @Test func `a guess says so`() throws {
        #expect(try Self.choice("{address: 0.0.0.0:5000}").notes.contains { $0.contains("is a guess") })
        #expect(try Self.choice("{address: 127.0.0.1:5000}").notes.contains { $0.contains("Only clients on this machine") })
        #expect(try Self.choice("{address: 10.0.0.5:5000}").notes.isEmpty)
        #expect(
            try Self.choice("{address: 0.0.0.0:5000}", "r.example.com").notes.contains {
                $0.contains("give --address r.example.com:5000")
            })
    }

    @Test func `a free port has no address, and a bad one is rejected`() throws {
        #expect(throws: RecipeError.self) { try Self.choice("{address: 127.0.0.1:0}") }
        for bad in ["", "a b", "host:port", "http://u@h", "ftp://h", "h/path"] {
            #expect(throws: RecipeError.self, "\(bad)") { try Self.choice("{address: 0.0.0.0:5000}", bad) }
        }
    }
}
