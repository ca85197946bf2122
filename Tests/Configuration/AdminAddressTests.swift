import Testing
import Transport

@testable import Configuration

/// What `berth health` reads.
struct AdminAddressTests {
    @Test(arguments: [
        ("", "127.0.0.1:5001"), ("admin: {address: \"0.0.0.0:6000\"}", "0.0.0.0:6000"),
        ("admin: {address: \"${PORT}\"}", "127.0.0.1:7000"),
        ("admin: {address: \":6000\"}\nusers: [{name: a, password_file: /nonexistent}]\nunknown: 1", "0.0.0.0:6000"),
        ("listeners: [{address: \"[::]:1\", tls: {certificate: /nonexistent, private_key: /nonexistent}}]", "127.0.0.1:5001"),
    ])
    func `only the admin listener's address is read`(_ text: String, _ address: String) throws {
        let environment = ["PORT": "127.0.0.1:7000"]
        #expect(try AdminAddress.parse(text, file: "berth.yaml", environment: environment).description == address)
    }

    @Test(arguments: [
        ("admin: {address: nowhere}", "berth.yaml:1: admin.address: 'nowhere' is not an IP address and a port"),
        ("admin: 1", "berth.yaml:1: admin: this is not a mapping"), ("admin: [\n", "berth.yaml:2: this is not YAML"),
    ])
    func `an address that cannot be read is a problem`(_ text: String, _ problem: String) {
        let error = #expect(throws: ConfigurationProblems.self) {
            try AdminAddress.parse(text, file: "berth.yaml", environment: [:])
        }
        #expect(error?.lines.first?.hasPrefix(problem) == true, "\(error?.lines ?? [])")
    }

    @Test func `a configuration without a file has the address in a variable`() throws {
        #expect(try AdminAddress.ofEnvironment(["BERTH_ADMIN_LISTEN": "[::1]:9\n"]).description == "[::1]:9")
        #expect(try AdminAddress.ofEnvironment([:]) == AdminAddress.usual)
        #expect(throws: ConfigurationProblems.self) { try AdminAddress.ofEnvironment(["BERTH_ADMIN_LISTEN": "9"]) }
    }
}
