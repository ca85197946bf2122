import AWS
import ArgumentParser
import Configuration
import Crypto
import Gateway
import Logging
import Registry
import Transport

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Check the configuration, the credentials and the token, and connect to each upstream. Exit code 0: no check failed."
    )

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print the report as JSON when all checks are done.")
    var json = false

    func run() async throws {
        protectProcessMemory()
        prepareProcess()
        let settings = try options.read()
        let loop = EventLoop()
        loop.start(named: "control")
        let log = Logger(label: "berth") { _ in SwiftLogNoOpLogHandler() }
        // What keeps `serve` from starting is reported here in the same words.
        let plan: GatewayPlan
        do throws(ConfigurationProblems) { plan = try GatewayPlan(settings, loop: loop, log: log) } catch {
            throw ConfigurationOptions.report(error)
        }
        let clients = AWSClients(settings, loop: loop, log: log)
        var report = CheckReport(configuration: settings.origin, warnings: settings.warnings, users: settings.users.count)
        if !json {
            show("ok     configuration: \(Self.summary(of: settings)), from \(settings.origin)")
            for warning in settings.warnings { show("warn   configuration: \(warning)") }
        }
        report.listeners = ListenerCheck(settings).steps
        if !json { for line in ["listeners"] + report.listeners.flatMap(\.lines) { show(line) } }
        for upstream in settings.upstreams {
            var part = CheckReport.Upstream(name: upstream.name, registry: upstream.registry.host)
            if !json { show(part.title) }
            await UpstreamCheck(upstream: upstream, clients: clients, outbound: plan.outbound).run { step in
                part.steps.append(step)
                if !json { for line in step.lines { show(line) } }
            }
            report.upstreams.append(part)
        }
        if json { show(report.json) }
        if !report.canListen { throw ExitCode.configuration }
        guard report.isOK else { throw ExitCode.unavailable }
    }

    /// `1 upstream, 2 users, anonymous access`; without users and with anonymous access, the number of users is left out.
    private static func summary(of settings: Settings) -> String {
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        let hasAnonymous = settings.anonymous?.isEmpty == false
        var parts = [count(settings.upstreams.count, "upstream")]
        if !settings.users.isEmpty || !hasAnonymous { parts.append(count(settings.users.count, "user")) }
        if hasAnonymous { parts.append("anonymous access") }
        return parts.joined(separator: ", ")
    }
}
