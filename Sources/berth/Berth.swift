import ArgumentParser
import Crypto

/// The command line. Exit codes are listed in the README, under Commands.
@main
struct Berth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "berth",
        abstract: "A fixed address for Amazon ECR: log in once, with a login that never expires.",
        version: ProgramVersion.text,
        subcommands: [
            Serve.self, Check.self, RecipeCommand.self, Health.self, Demo.self, SandboxCommand.self, HashPassword.self,
        ])
}

/// Exit codes of `sysexits.h`, by which scripts and service managers decide.
extension ExitCode {
    static let configuration = ExitCode(78)
    static let unavailable = ExitCode(69)
}
