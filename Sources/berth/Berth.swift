import ArgumentParser
import Crypto

/// The commands of design section 5.
@main
struct Berth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "berth",
        abstract: "A fixed address for Amazon ECR: log in once, with credentials that never change.",
        version: version,
        subcommands: [Serve.self, Check.self, Demo.self, SandboxCommand.self, HashPassword.self])

    static let version = "0.1.0"
}

/// `sysexits.h`: what scripts and service managers decide by.
extension ExitCode {
    static let configuration = ExitCode(78)
    static let unavailable = ExitCode(69)
}
