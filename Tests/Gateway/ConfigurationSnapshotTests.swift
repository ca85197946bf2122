import Access
import Configuration
import Testing

@testable import Gateway

struct ConfigurationSnapshotTests {
    @Test func `a route to an upstream that does not exist is an error`() throws {
        let text = """
            upstreams: [{name: main, registry: public.ecr.aws}]
            anonymous: {access: [{repositories: ["**"], actions: [pull]}]}
            routes: [{prefix: hub/, upstream: main}]
            """
        let settings = try SettingsFile.parse(text, file: "berth.yaml", environment: [:])
        let users = UserDirectory(generation: 1, users: [], anonymous: nil)
        let error = #expect(throws: ConfigurationProblems.self) { try ConfigurationSnapshot(settings, upstreams: [], users: users) }
        #expect(error?.lines.first?.contains("no upstream is named 'main'") == true)
    }
}
