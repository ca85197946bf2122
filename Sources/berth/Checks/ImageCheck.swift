import Configuration
import Gateway
import Logging
import Registry
import Transport

/// What `check --repository` does: finds the route, pulls, and pushes if asked to.
struct ImageCheck {
    let asked: AskedImage
    let image: ImageName
    let settings: Settings
    let plan: GatewayPlan
    let clients: AWSClients
    let log: Logger

    /// - Parameter canPull: whether there is a token of the upstream with this name.
    func run(on loop: EventLoop, canPull: (String) -> Bool, _ report: (CheckReport.Step) -> Void) async throws {
        guard let (upstream, repository) = plan.snapshot.destination(of: image.repository, at: asked.place) else {
            return report(
                .init(
                    step: "route", outcome: .failed,
                    detail: "no route has the repository \(image.repository) here: clients get 404",
                    notes: ["add a route for it; if one is for a host or a namespace, give --host and --namespace"]))
        }
        report(
            .init(
                step: "route", outcome: .ok, detail: "to upstream \(upstream.name), where it is \(repository)",
                facts: ["upstream": upstream.name]))
        guard canPull(upstream.name) else {
            return report(
                .init(
                    step: "pull", outcome: .failed,
                    detail: "not tried, since \(upstream.name) has no token; the steps above say why"))
        }
        let interruption = Interruption()
        if asked.push { interruption.watch(on: loop) }
        let gateway = try await PrivateGateway(
            settings, plan: plan, host: asked.host, namespace: asked.namespace, loop: loop, log: log)
        // A repository that only a push creates has nothing to pull.
        if !asked.push || image.reference != nil {
            let reference = await RepositoryCheck(
                gateway: gateway, image: image, upstream: upstream.settings, repository: repository, clients: clients
            )
            .run(report)
            if let reference {
                for fallback in upstream.settings.registries.dropFirst() {
                    try await ask(fallback, for: reference, as: repository, loop, report)
                }
            }
        }
        if asked.push {
            await PushCheck(
                gateway: gateway, image: image, upstream: upstream.settings, repository: repository, interruption: interruption
            ).run(report)
        }
        await gateway.stop()
    }

    /// Asks a fallback by itself, through a gateway that has it as the upstream's only registry.
    private func ask(
        _ fallback: Settings.Upstream, for reference: String, as repository: Repository, _ loop: EventLoop,
        _ report: (CheckReport.Step) -> Void
    ) async throws {
        var alone = settings
        alone.upstreams = settings.upstreams.map { $0.name == fallback.name ? fallback : $0 }
        let gateway = try await PrivateGateway(
            alone, plan: plan, host: asked.host, namespace: asked.namespace, loop: loop, log: log)
        await RepositoryCheck(gateway: gateway, image: image, upstream: fallback, repository: repository, clients: clients)
            .askFallback(for: reference, report)
        await gateway.stop()
    }
}
