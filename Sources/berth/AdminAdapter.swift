import AWS
import Admin
import Configuration
import Crypto
import Foundation
import Gateway
import Registry
import Telemetry
import Transport

/// What the admin listener shows and does, taken from a running gateway.
struct AdminAdapter: Sendable {
    private let control: ControlPlane
    private let dataPlane: DataPlane
    private let metrics: MetricsText

    init(_ control: ControlPlane, _ dataPlane: DataPlane) {
        (self.control, self.dataPlane) = (control, dataPlane)
        metrics = MetricsText(workers: dataPlane.metrics, version: ProgramVersion.text)
    }

    var sources: AdminSources {
        AdminSources(
            version: ProgramVersion.text,
            isDraining: { await control.isDraining },
            upstreams: { await upstreams() },
            metrics: { await metricsText() },
            refresh: { name in await refresh(name) },
            reload: { await control.reload().problems })
    }

    private func metricsText() async -> [UInt8] {
        let plan = await control.plan, upstreams = plan.snapshot.upstreams
        return metrics.render(
            tokens: upstreams.map(Self.figures), upstreams: upstreams.map(\.metrics), traffic: dataPlane.traffic,
            usage: dataPlane.usage.report(), certificates: certificates(of: plan.settings),
            reload: await control.reloadFigures)
    }

    private func certificates(of settings: Settings) -> [CertificateFigures] {
        zip(settings.listeners, dataPlane.addresses).compactMap { listener, address in
            listener.tls.map { CertificateFigures(listener: "\(address)", expiry: Double($0.server.expiresAt)) }
        }
    }

    private static func figures(_ upstream: Upstream) -> TokenFigures {
        let state = upstream.keeper.state.current
        return TokenFigures(
            upstream: upstream.name, expiry: state.expiresAt?.timeIntervalSince1970, refreshesSucceeded: state.refreshesSucceeded,
            refreshesFailed: state.refreshesFailed)
    }

    private func refresh(_ name: String) async -> Bool? {
        guard let upstream = await control.plan.snapshot.upstreams.first(where: { $0.name == name }) else { return nil }
        return await upstream.keeper.refresh(within: .seconds(20)) != nil
    }

    private func upstreams() async -> [UpstreamStatus] {
        let plan = await control.plan
        return plan.snapshot.upstreams.map { upstream in
            let state = upstream.keeper.state.current
            let problem = upstream.problem(at: Date())
            let credentials = plan.keepers.all.first { $0.token === upstream.keeper }?.credentials
            return UpstreamStatus(
                name: upstream.name, registry: upstream.settings.registry.host, ready: problem == nil,
                credentials: credentials?.foundIn.current,
                tokenExpires: state.expiresAt.map { ISO8601DateFormatter().string(from: $0) }, problem: problem ?? state.lastError)
        }
    }
}
