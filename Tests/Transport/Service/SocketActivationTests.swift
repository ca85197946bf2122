import Testing

@testable import Transport

struct SocketActivationTests {
    private static func names(_ environment: [String: String]) throws -> [String]? {
        try SocketActivation.names(environment, process: 42)
    }

    @Test func `sockets have names where the manager gave some`() throws {
        #expect(
            try Self.names(["LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "registry:admin"]) == ["registry", "admin"])
        #expect(try Self.names(["LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "registry"]) == ["registry", ""])
        #expect(try Self.names(["LISTEN_PID": "42", "LISTEN_FDS": "1"]) == [""])
    }

    @Test func `sockets of another process are left alone`() throws {
        #expect(try Self.names([:]) == nil)
        #expect(try Self.names(["LISTEN_PID": "41", "LISTEN_FDS": "2"]) == nil)
    }

    @Test(arguments: [
        (["LISTEN_FDS": "1"], "LISTEN_PID"), (["LISTEN_FDS": "1", "LISTEN_PID": "me"], "LISTEN_PID='me'"),
        (["LISTEN_FDS": "-1", "LISTEN_PID": "42"], "LISTEN_FDS='-1'"), (["LISTEN_FDS": "1025", "LISTEN_PID": "42"], "0 to 1024"),
    ])
    func `variables that make no sense are an error`(_ environment: [String: String], _ expected: String) {
        let error = #expect(throws: TakeOverError.self) { try Self.names(environment) }
        #expect(error?.description.contains(expected) == true)
    }
}
