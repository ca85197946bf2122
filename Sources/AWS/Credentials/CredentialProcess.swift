import Crypto
import FoundationEssentials
import Subprocess
import SystemPackage

/// A program that prints credentials as JSON (ECR 4.2). Runs it without a shell, with Berth's environment, for a bounded time.
struct CredentialProcess: CredentialSource {
    let name = "process"
    /// The value of `credential_process`.
    let command: String
    /// File and line of the setting: `/root/.aws/config:12`.
    let place: String
    var timeout = Duration.seconds(60)
    var now: @Sendable () -> Date = { Date() }

    private static let maxOutputBytes = 64 << 10
    /// Of standard error, in an error's message.
    private static let maxErrorCharacters = 200

    func find() async throws(CredentialError) -> CredentialLookup {
        guard let words = ShellWords.split(command), let program = words.first else {
            throw error("the command has an open quote, or no words")
        }
        let output = try await run(program, Array(words.dropFirst()))
        return .found(try credentials(in: output))
    }

    private enum Outcome: Sendable {
        case ended(isSuccess: Bool, status: String, output: String, errorOutput: String)
        case timedOut
        case failed(String)
    }

    private func run(_ program: String, _ arguments: [String]) async throws(CredentialError) -> String {
        let outcome = await withTaskGroup(of: Outcome.self) { group in
            group.addTask { await Self.outcome(of: program, arguments) }
            group.addTask { [timeout] in
                try? await Task.sleep(for: timeout)
                return .timedOut
            }
            // There are two tasks, so `next()` returns one. Cancelling the other kills the process with all that it started.
            let first = await group.next() ?? .timedOut
            group.cancelAll()
            return first
        }
        switch outcome {
        case .ended(true, _, let output, _): return output
        case .ended(false, let status, _, let errorOutput):
            throw error("\(program) ended with \(status)\(errorOutput.isEmpty ? "" : ": \(errorOutput)")")
        case .timedOut: throw error("\(program) did not end in \(timeout)")
        case .failed(let reason): throw error("\(program): \(reason)")
        }
    }

    private static func outcome(of program: String, _ arguments: [String]) async -> Outcome {
        var platform = PlatformOptions()
        platform.processGroupID = 0  // a group of its own, so that its children are killed with it
        platform.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(10))]
        // A name is looked up on PATH; one that contains a slash is a path.
        let executable: Executable = program.contains("/") ? .path(.init(program)) : .name(program)
        do {
            let result = try await Subprocess.run(
                executable, arguments: Arguments(arguments), platformOptions: platform, output: .string(limit: maxOutputBytes),
                error: .string(limit: maxOutputBytes))
            let errorOutput = AWSError.printable(String(result.standardError.prefix(maxErrorCharacters))).trimmed
            return .ended(
                isSuccess: result.terminationStatus.isSuccess, status: "\(result.terminationStatus)",
                output: result.standardOutput, errorOutput: errorOutput)
        } catch {
            return .failed(AWSError.printable("\(error)"))
        }
    }

    private struct Document: Decodable {
        var Version: Int, AccessKeyId: String?, SecretAccessKey: String?, SessionToken: String?, Expiration: String?
    }

    private func credentials(in output: String) throws(CredentialError) -> Credentials {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(output.utf8)) else {
            throw error("the output is not JSON with a Version")
        }
        guard document.Version == 1 else { throw error("the output has version \(document.Version), not 1") }
        guard let key = document.AccessKeyId, let secret = document.SecretAccessKey else {
            throw error("the output lacks AccessKeyId or SecretAccessKey")
        }
        let expiration = document.Expiration.map { try? Date($0, strategy: .iso8601) }
        if case .some(nil) = expiration { throw error("the Expiration in the output is not a time") }
        if let end = expiration ?? nil, end <= now() { throw error("the credentials in the output have expired") }
        return Credentials(
            accessKeyID: key, secretAccessKey: Secret(secret), sessionToken: document.SessionToken.map { Secret($0) },
            expiration: expiration ?? nil, source: "process (\(place))")
    }

    private func error(_ message: String) -> CredentialError {
        CredentialError(source: name, message: "\(place): credential_process: \(message)")
    }
}
