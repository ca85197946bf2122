import ArgumentParser
import Configuration
import FoundationEssentials
import Transport

/// For `HEALTHCHECK` and the like: runs every few seconds, so it reads nothing but one address and sends one request.
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the gateway that runs on this machine whether it is alive. Exit code 0: it is; 1: it is not.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        prepareProcess()
        let address: SocketAddress, problem: String?
        do throws(ConfigurationProblems) {
            address = try AdminAddress.read(file: options.config, environment: ProcessEnvironment.variables)
            problem = nil
        } catch {
            // The file may be broken only now, in an editor, while the gateway runs on with what it read.
            (address, problem) = (AdminAddress.usual, error.lines.joined(separator: "; "))
        }
        let outcome = await ask(address)
        guard case .failure(let reason) = outcome else { return show("ok: http://\(address.reachedLocally)/healthz") }
        showError("FAIL: \(problem.map { "\($0); and at the usual address, " } ?? "")\(reason.description)")
        throw ExitCode.failure
    }

    private func ask(_ address: SocketAddress) async -> Result<Void, StartError> {
        guard address.port != 0 else {
            return .failure(StartError("admin.address has port 0, so only the log says where it listens; write a fixed port"))
        }
        let loop = EventLoop()
        loop.start(named: "control")
        do throws(HTTPClientError) {
            let response = try await AdminClient(address: address, loop: loop).get("/healthz")
            guard response.status == 200, response.body == Array("ok\n".utf8) else {
                return .failure(
                    StartError("http://\(address.reachedLocally)/healthz responded with status \(response.status): no berth"))
            }
            return .success(())
        } catch {
            return .failure(
                StartError("http://\(address.reachedLocally)/healthz: \(error.detail); is berth serve running on this machine?"))
        }
    }
}
