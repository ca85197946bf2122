import Foundation
import Testing

@testable import AWS

/// Programs that print credentials.
@Suite(.timeLimit(.minutes(1))) struct CredentialProcessTests {
    private let fixture = TestSources()

    private func process(_ command: String, timeout: Duration = .seconds(20)) -> CredentialProcess {
        CredentialProcess(command: command, place: "config:1", timeout: timeout)
    }

    @Test func `a credential process is run with its arguments`() async throws {
        let files = try TemporaryFiles([
            "out put":
                #"{"Version":1,"AccessKeyId":"ASPROCESS","SecretAccessKey":"s","SessionToken":"t","Expiration":"2999-01-01T00:00:00Z"}"#
        ])
        #expect(try await fixture.credentials(process("cat '\(files.path("out put"))'")).accessKeyID == "ASPROCESS")
        #expect(try await fixture.credentials(process("/bin/cat '\(files.path("out put"))'")).accessKeyID == "ASPROCESS")
    }

    @Test(arguments: [
        ("sh -c 'echo no such role >&2; exit 3'", "ended with exited(3): no such role"), ("echo garbage", "not JSON"),
        ("echo '{\"Version\":2}'", "version 2, not 1"), ("echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'", "lacks"),
        ("/nonexistent/program", "/nonexistent/program"), ("yes", "limit"), ("'open", "open quote"),
        (
            "echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"shh\",\"Expiration\":\"2020-01-01T00:00:00Z\"}'",
            "have expired"
        ),
    ]) func `a credential process without usable output is an error that says why`(_ command: String, _ words: String) async {
        let error = await #expect(throws: CredentialError.self) { try await fixture.credentials(process(command)) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.message.hasPrefix("config:1: credential_process: ") == true && error?.message.contains("shh") == false)
    }

    @Test func `a credential process that hangs is killed with its children`() async throws {
        let files = try TemporaryFiles()
        let script = "echo $$ > \(files.path("pid")); sleep 300 & echo $! >> \(files.path("pid")); wait"
        let error = await #expect(throws: CredentialError.self) {
            try await fixture.credentials(process("sh -c '\(script)'", timeout: .seconds(1)))
        }
        #expect(error?.message.contains("did not end in") == true)
        let started = try String(contentsOfFile: files.path("pid"), encoding: .utf8).split(separator: "\n").compactMap { Int32($0) }
        #expect(started.count == 2)
        for _ in 0..<100 where started.contains(where: { kill($0, 0) == 0 && !Self.isZombie($0) }) {
            try await Task.sleep(for: .milliseconds(50))
        }
        for process in started { #expect(kill(process, 0) != 0 || Self.isZombie(process)) }
    }

    /// Ended, but not yet waited for by the process that inherited it.
    private static func isZombie(_ process: Int32) -> Bool {
        (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8))?.contains(") Z ") ?? true
    }
}
