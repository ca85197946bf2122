import AWS
import ArgumentParser
import Configuration
import Foundation
import Logging
import Transport

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Say what would happen: configuration, credentials, token, and reach of each upstream. Exits 0 only if all is well.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        EventLoop.ignoreBrokenPipes()
        let settings = try options.read()
        print("ok    configuration: \(settings.upstreams.count) upstream(s), \(settings.users.count) user(s)")
        let loop = EventLoop()
        loop.start(named: "control")
        let clients = AWSClients(settings, loop: loop, log: Logger(label: "berth") { _ in SwiftLogNoOpLogHandler() })
        var isWell = true
        for upstream in settings.upstreams {
            print("\(upstream.name): \(upstream.registry.host)")
            let failure = await failure(of: upstream, clients, settings)
            if let failure {
                print("FAIL  \(failure)")
                isWell = false
            }
        }
        guard isWell else { throw ExitCode.unavailable }
    }

    /// Step by step, as a request would need them; nil: all of them hold. What held is printed as it is found.
    private func failure(of upstream: Settings.Upstream, _ clients: AWSClients, _ settings: Settings) async -> String? {
        do {
            let keeper = try clients.credentials(of: upstream)
            let credentials = try await keeper.credentials()
            print("ok    credentials: \(credentials.source), access key \(credentials.accessKeyID)")
            let token = try await clients.ecr(of: upstream, credentials: keeper).authorizationToken()
            print(
                "ok    token: valid until \(token.expiresAt.map { ISO8601DateFormatter().string(from: $0) } ?? "an unknown time")")
            return try await reach(upstream, clients, settings, token)
        } catch let error as AWSError {
            return "token: \(error)"
        } catch {
            return "\(error)"
        }
    }

    private func reach(_ upstream: Settings.Upstream, _ clients: AWSClients, _ settings: Settings, _ token: FetchedToken)
        async throws -> String?
    {
        var request = CallRequest("GET /v2/", url: CallURL(scheme: .https, host: upstream.registry.host, path: "/v2/"))
        request.fields = [("Authorization", "Basic \(token.authorizationToken.reveal)")]
        request.dial = settings.connectTo["\(upstream.registry.host):443"]
        let response = try await clients.caller.call(request)
        guard response.status == 200 else {
            return
                "registry: it answered the token with status \(response.status); its policy or a VPC endpoint's may deny this identity"
        }
        print("ok    registry: reached at \(response.address)")
        return nil
    }
}
