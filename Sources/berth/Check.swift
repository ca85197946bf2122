import Registry
import AWS
import ArgumentParser
import Configuration
import Crypto
import Foundation
import Gateway
import Logging
import Transport

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Say what would happen: configuration, credentials, token, and reach of each upstream. Exits 0 only if all is well.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print the report as JSON, whole, at the end.")
    var json = false

    func run() async throws {
        keepMemoryToOurselves()
        EventLoop.prepareProcess()
        let settings = try options.read()
        let loop = EventLoop()
        loop.start(named: "control")
        let log = Logger(label: "berth") { _ in SwiftLogNoOpLogHandler() }
        // What stops `serve` stops here, in the same words.
        let plan: GatewayPlan
        do throws(ConfigurationProblems) { plan = try GatewayPlan(settings, loop: loop, log: log) } catch {
            throw ConfigurationOptions.exit(telling: error)
        }
        let clients = AWSClients(settings, loop: loop, log: log)
        var report = CheckReport(configuration: settings.origin, warnings: settings.warnings, users: settings.users.count)
        if !json {
            show(
                "ok     configuration: \(settings.upstreams.count) upstream(s), \(settings.users.count) user(s), from \(settings.origin)"
            )
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
        if !report.isConfigurationWell { throw ExitCode.configuration }
        guard report.isWell else { throw ExitCode.unavailable }
    }
}

/// One upstream, as a request would need it: who we are, the token, and every address on the way.
struct UpstreamCheck {
    let upstream: Settings.Upstream
    let clients: AWSClients
    let outbound: OutboundSettings

    /// nil: ECR Public's blobs come from a CDN.
    private var storageHost: String? {
        guard !upstream.registry.isPublic else { return nil }
        let region = upstream.registry.region
        return "prod-\(region)-starport-layer-bucket.s3.\(region).\(upstream.registry.partitionSuffix)"
    }

    typealias Step = CheckReport.Step

    /// A clock that is further off than this is worth a word, though AWS still takes signatures (ECR 3). Seconds.
    private static let clockTolerance = 60

    func run(_ report: (Step) -> Void) async {
        let keeper: CredentialKeeper, fetch: @Sendable () async throws(AWSError) -> FetchedToken, api: ServiceEndpoint,
            sts: STSClient
        do {
            keeper = try clients.credentials(of: upstream)
            fetch = try clients.tokens(of: upstream, credentials: keeper)
            api = try clients.endpoint(of: upstream)
            sts = try clients.sts(of: upstream)
        } catch { return report(Step(step: "credentials", outcome: .failed, detail: "\(error)", facts: ["error": error.source])) }
        // Reach is told whether there are credentials or not: it is the other half of what can be wrong.
        let hasCredentials = await credentials(keeper, report)
        if hasCredentials { await identity(keeper, sts, report) }
        await ask("api", api.url, dial: api.dial, by: clients.caller, fields: [], report) { _ in nil }
        let token = hasCredentials || clients.mayBeAnonymous(upstream) ? await token(fetch, report) : nil
        await names(report)
        await registry(token, report)
        await storage(report)
    }

    /// Each name once: with a proxy both are dialled at the same.
    private func names(_ report: (Step) -> Void) async {
        var told: Set<String> = []
        for host in [upstream.registry.host] + (storageHost.map { [$0] } ?? []) {
            guard let step = await clients.names.step(host, connectTo: clients.connectTo, by: outbound),
                told.insert(step.detail).inserted
            else { continue }
            report(step)
        }
    }

    private func credentials(_ keeper: CredentialKeeper, _ report: (Step) -> Void) async -> Bool {
        do {
            let found = try await keeper.credentials()
            let end = found.expiration.map { ", until \(ISO8601DateFormatter().string(from: $0))" } ?? ""
            var step = Step(
                step: "credentials", outcome: .ok, detail: "\(found.source), access key \(found.accessKeyID)\(end)",
                notes: keeper.passedOver.current.map { "passed over \($0)" })
            step.facts = ["source": found.source, "access_key_id": found.accessKeyID]
            report(step)
            return true
        } catch {
            let isOpen = clients.mayBeAnonymous(upstream) && error.isAbsence
            report(
                Step(
                    step: "credentials", outcome: isOpen ? .warning : .failed,
                    detail: isOpen ? "none: ECR Public is read as anybody may, at 1 pull a second" : error.message,
                    notes: keeper.passedOver.current.map { "passed over \($0)" }, facts: ["error": error.source]))
            return false
        }
    }

    /// Whoever has credentials may ask. That it fails is a warning: the token does not need STS to be reached.
    private func identity(_ keeper: CredentialKeeper, _ sts: STSClient, _ report: (Step) -> Void) async {
        do {
            let identity = try await sts.callerIdentity(of: keeper)
            report(
                Step(
                    step: "identity", outcome: .ok, detail: identity.arn,
                    notes: upstream.registry.account.map { account in
                        account == identity.account
                            ? [] : ["the registry is account \(account)'s: its repositories' policies must allow \(identity.arn)"]
                    } ?? [], facts: ["arn": identity.arn, "account": identity.account]))
        } catch { report(Step(step: "identity", outcome: .warning, detail: "\(error)", notes: clock(error))) }
    }

    private func token(
        _ fetch: @Sendable () async throws(AWSError) -> FetchedToken, _ report: (Step) -> Void
    ) async -> FetchedToken? {
        do throws(AWSError) {
            let token = try await fetch()
            let end = token.expiresAt.map { ISO8601DateFormatter().string(from: $0) }
            let hours = token.expiresAt.map { String(format: " (%.1f h)", $0.timeIntervalSinceNow / 3600) } ?? ""
            report(
                Step(
                    step: "token", outcome: .ok, detail: "valid until \(end ?? "an unknown time")\(hours)",
                    facts: end.map { ["expires": $0] } ?? [:]))
            return token
        } catch {
            let statement = error.missingStatement.map { ["add to the policy of these credentials: \($0)"] } ?? []
            report(
                Step(
                    step: "token", outcome: .failed, detail: "\(error)", notes: statement + clock(error),
                    facts: ["error": error.code ?? "unreachable"]))
            return nil
        }
    }

    private func clock(_ error: AWSError) -> [String] {
        guard let offset = error.clockOffset, abs(offset) > Self.clockTolerance else { return [] }
        return ["this machine's clock is \(abs(offset)) s \(offset > 0 ? "behind" : "ahead of") AWS's"]
    }

    private func registry(_ token: FetchedToken?, _ report: (Step) -> Void) async {
        let url = HTTPClientURL(scheme: .https, host: upstream.registry.host, path: "/v2/")
        let fields = token.map { [(name: "Authorization", value: $0.fieldValue)] } ?? []
        await ask("registry", url, dial: clients.dial(url), by: clients.dataPlaneCaller, fields: fields, report) { status in
            token == nil || status == 200
                ? nil
                : "it answered the token with status \(status); its policy or that of a VPC endpoint may deny this identity"
        }
    }

    /// Where layers come from (ECR 1.4): a closed network may reach the registry and not its storage.
    private func storage(_ report: (Step) -> Void) async {
        guard let storageHost else { return }
        let url = HTTPClientURL(scheme: .https, host: storageHost)
        await ask("storage", url, dial: clients.dial(url), by: clients.dataPlaneCaller, fields: [], report) { _ in nil }
    }

    /// Any answer will do, unless `judge` finds fault with its status. As the data plane reaches it, or as calls to AWS do.
    private func ask(
        _ step: String, _ url: HTTPClientURL, dial: String?, by caller: HTTPClient, fields: [(name: String, value: String)],
        _ report: (Step) -> Void,
        judge: (Int) -> String?
    ) async {
        var request = HTTPClientRequest("GET \(url.path)", url: url, fields: fields)
        (request.dial, request.wantsCertificate) = (dial, true)
        do {
            let answer = try await caller.call(request)
            let seen = answer.certificate.map { ["certificate: \($0)"] } ?? []
            let late = answer.date.map { $0 - Int(Date().timeIntervalSince1970) } ?? 0
            let clock =
                abs(late) > Self.clockTolerance
                ? ["this machine's clock is \(abs(late)) s \(late > 0 ? "behind" : "ahead of") its"] : []
            let problem = judge(answer.status)
            report(
                Step(
                    step: step, outcome: problem == nil ? .ok : .failed,
                    detail: "\(url.hostField) reached at \(answer.address)\(problem.map { "; \($0)" } ?? "")", notes: seen + clock,
                    facts: ["address": answer.address, "status": "\(answer.status)"]))
        } catch {
            let fix = AWSError.hint(for: error).map { ["\($0)"] } ?? []
            report(
                Step(
                    step: step, outcome: .failed, detail: "\(url.hostField) is not reached: \(error.detail)",
                    notes: (dial.map { ["dialled at \($0), by connect_to"] } ?? []) + fix, facts: ["error": error.kind.rawValue]))
        }
    }
}
