import Testing

@testable import Configuration

/// Messages about a key after the configuration was read.
struct KeyLinesTests {
    private static let text = """
        # a comment
        listeners:
          - address: ":1"
          - {address: ":2"}
        users:
          - name: ci
            access:
              - repositories: ["**"]
                actions: [pull]
        """

    @Test(arguments: [
        ("listeners", 2), ("listeners[0]", 3), ("listeners[1].address", 4), ("users[0].access[0]", 8),
        ("users[0].access[0].actions", 9),
        ("listeners[1].tls.certificate", 4), ("listeners[7].address", 2), ("workers", nil),
    ])
    func `a key that is missing has the line of what lacks it`(key: String, line: Int?) {
        #expect(KeyLines(Self.text).line(of: key) == line)
    }

    @Test(arguments: [
        ("listeners", true), ("users[0].access[0].actions", true), ("users[0].access[9]", false), ("users[0].absent", false),
        ("no", false),
    ])
    func `a key is there, or is not`(key: String, isThere: Bool) { #expect(KeyLines(Self.text).contains(key) == isThere) }

    @Test func `a text that is no YAML has no lines`() { #expect(KeyLines("a: [").line(of: "a") == nil) }

    @Test func `a message names file, line and key, or the variable`() throws {
        let settings = try SettingsFile.parse(sound + "admin: {address: \":1\"}", file: "berth.yaml", environment: [:])
        #expect(settings.problem("admin.address", "in use") == "berth.yaml:3: admin.address: in use")
        #expect(settings.problem("listeners[0].address", "in use") == "berth.yaml: listeners[0].address: in use")
        let environment = ["BERTH_REGISTRY": registry, "BERTH_USERNAME": "u", "BERTH_PASSWORD": "p"]
        let other = try EnvironmentReader(environment: environment).read()
        #expect(other.problem("listeners[0].address", "in use") == "environment: BERTH_LISTEN: in use")
    }
}
