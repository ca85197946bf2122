import AWS
import Access
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

    @OptionGroup(title: "One repository") var asked: AskedImage

    @Flag(help: "Print the report as JSON when all checks are done.")
    var json = false

    func run() async throws {
        protectProcessMemory()
        prepareProcess()
        do { try await check(try options.load()) } catch let error as ConfigurationProblems {
            guard json else { throw ConfigurationOptions.report(error) }
            show(CheckReport.Rejection(problems: error.problems).report)
            throw ExitCode.configuration
        }
    }

    private func check(_ settings: Settings) async throws {
        let loop = EventLoop()
        loop.start(named: "control")
        let log = Logger(label: "berth") { _ in SwiftLogNoOpLogHandler() }
        // What keeps `serve` from starting is reported here in the same words.
        let plan = try GatewayPlan(settings, loop: loop, log: log)
        if let user = asked.user { return try checkAccess(of: user, settings, plan) }
        let clients = AWSClients(settings, loop: loop, log: log)
        let warnings = settings.warnings + (ServiceUser.warning(of: settings).map { [$0] } ?? [])
        var report = CheckReport(configuration: settings.origin, warnings: warnings, users: settings.users.count)
        if !json {
            show(.ok, "configuration: \(Self.summary(of: settings)), from \(settings.origin)")
            for warning in warnings { show(.warning, "configuration: \(warning)") }
            show("listeners")
        }
        await ListenerCheck(settings, loop: loop).run { step in
            report.listeners.append(step)
            if !json { show(step) }
        }
        if let cache = settings.cache {
            if !json { show("cache") }
            let isRunning = if case .running = await AddressUser.ofAdmin(settings, loop: loop) { true } else { false }
            let steps = await CacheCheck(settings: cache, isRunning: isRunning).run()
            report.cache = steps
            if !json { for step in steps { show(step) } }
        }
        for (number, registry) in settings.upstreams.flatMap({ Array($0.registries.enumerated()) }) {
            var part = CheckReport.Upstream(name: registry.name, registry: registry.registry.host, isFallback: number > 0)
            if !json { show(part.title) }
            await UpstreamCheck(upstream: registry, clients: clients, outbound: plan.outbound).run { step in
                part.steps.append(step)
                if !json { show(step) }
            }
            report.upstreams.append(part)
        }
        if let name = asked.repository, let image = asked.image {
            var part = CheckReport.Repository(name: name)
            if !json { show("\(name), as clients name it") }
            try await ImageCheck(asked: asked, image: image, settings: settings, plan: plan, clients: clients, log: log)
                .run(on: loop, canPull: { name in report.upstreams.first { $0.name == name }?.hasToken ?? false }) { step in
                    part.steps.append(step)
                    if !json { show(step) }
                }
            report.repository = part
        }
        if json { show(report.report) }
        if !report.canListen { throw ExitCode.configuration }
        guard report.isOK else { throw ExitCode.unavailable }
    }

    /// The exit code says whether it is allowed.
    private func checkAccess(of user: String, _ settings: Settings, _ plan: GatewayPlan) throws {
        guard let image = asked.image, let action = asked.action.flatMap(Action.init) else { return }
        guard let finding = AccessCheck(settings: settings, plan: plan, place: asked.place).find(user, action, image.repository)
        else {
            throw ValidationError(unknown(user, settings))
        }
        if json {
            show(finding.report)
        } else {
            show(finding.allowed ? .ok : .failed, finding.sentence)
            for note in finding.notes { show("      \(note)") }
        }
        if !finding.allowed { throw ExitCode.failure }
    }

    private func unknown(_ user: String, _ settings: Settings) -> String {
        if user == "anonymous" { return "--as anonymous: there is no anonymous access; anonymous.access allows it" }
        let names = settings.users.map(\.name)
        let near = NearNames.of(user, among: names)
        let hint = near.isEmpty ? "there are \(names.count) users" : "did you mean \(near.prefix(3).joined(separator: ", "))?"
        return "--as \(user): no user has this name; \(hint)"
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
