import AWS
import Configuration
import FoundationEssentials
import Gateway
import Registry
import Transport

/// Checks one upstream: the credentials, their identity, the token, and each address that requests need.
struct UpstreamCheck {
    let upstream: Settings.Upstream
    let clients: AWSClients
    let outbound: OutboundSettings

    /// The host of the bucket that ECR redirects blobs to (ECR 1.4); nil for ECR Public, whose blobs come from a CDN.
    private var storageHost: String? {
        guard !upstream.registry.isPublic else { return nil }
        let region = upstream.registry.region
        return "prod-\(region)-starport-layer-bucket.s3.\(region).\(upstream.registry.partitionSuffix)"
    }

    typealias Step = CheckReport.Step

    /// Seconds that the clock may be off without a note. AWS accepts signatures at larger offsets (ECR 3).
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
        // Without credentials the connections are still checked: they are the other half of what can be wrong.
        let hasCredentials = await credentials(keeper, report)
        if hasCredentials { await identity(keeper, sts, report) }
        await request("api", api.url, dial: api.dial, by: clients.httpClient, fields: [], report) { _ in nil }
        let token = hasCredentials || clients.mayBeAnonymous(upstream) ? await token(fetch, report) : nil
        await names(report)
        await registry(token, report)
        await storage(report)
    }

    /// Reports each name once: with a proxy both hosts are dialled at the same one.
    private func names(_ report: (Step) -> Void) async {
        var reported: Set<String> = []
        for host in [upstream.registry.host] + (storageHost.map { [$0] } ?? []) {
            guard let step = await clients.names.step(host, connectTo: clients.connectTo, by: outbound),
                reported.insert(step.detail).inserted
            else { continue }
            report(step)
        }
    }

    private func credentials(_ keeper: CredentialKeeper, _ report: (Step) -> Void) async -> Bool {
        do {
            let found = try await keeper.credentials()
            let end = found.expiration.map { ", until \($0.formatted(.iso8601))" } ?? ""
            var step = Step(
                step: "credentials", outcome: .ok, detail: "\(found.source), access key \(found.accessKeyID)\(end)",
                notes: keeper.skippedSources.current.map { "not used: \($0)" })
            step.facts = ["source": found.source, "access_key_id": found.accessKeyID]
            report(step)
            return true
        } catch {
            let isAnonymous = clients.mayBeAnonymous(upstream) && error.isAbsence
            report(
                Step(
                    step: "credentials", outcome: isAnonymous ? .warning : .failed,
                    detail: isAnonymous ? "none: ECR Public is used anonymously, at 1 pull a second" : error.message,
                    notes: keeper.skippedSources.current.map { "not used: \($0)" }
                        + (error.isAbsence && !isAnonymous ? Self.waysToCredentials : []),
                    facts: ["error": error.source]))
            return false
        }
    }

    /// By where Berth runs.
    private static let waysToCredentials = [
        "give Berth credentials in one of these ways:",
        "- on EC2: attach an instance role; in a container there, allow two hops (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2)",
        "- on ECS: set taskRoleArn in the task definition",
        "- on EKS: a Pod Identity association, or a service account with eks.amazonaws.com/role-arn",
        "- elsewhere: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of berth, or a profile in ~/.aws/credentials of its user (credentials.profile names another than default)",
    ]

    /// GetCallerIdentity needs no permission. A failure is a warning only, since the token does not depend on STS.
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
            let end = token.expiresAt.map { $0.formatted(.iso8601) }
            let hours = token.expiresAt.map { " (\(withOneDecimal($0.timeIntervalSinceNow / 3600)) h)" } ?? ""
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

    /// A note if the clock is too far off.
    private func clock(_ error: AWSError) -> [String] {
        guard let offset = error.clockOffset, abs(offset) > Self.clockTolerance else { return [] }
        return ["this machine's clock is \(abs(offset)) s \(offset > 0 ? "behind" : "ahead of") AWS's"]
    }

    private func registry(_ token: FetchedToken?, _ report: (Step) -> Void) async {
        let url = HTTPClientURL(scheme: .https, host: upstream.registry.host, path: "/v2/")
        let fields = token.map { [(name: "Authorization", value: $0.fieldValue)] } ?? []
        await request("registry", url, dial: clients.dial(url), by: clients.dataPlaneClient, fields: fields, report) { status in
            token == nil || status == 200
                ? nil
                : "it responded to the token with status \(status); its policy or that of a VPC endpoint may deny this identity"
        }
    }

    /// Blobs come from S3 (ECR 1.4): a closed network may reach the registry but not its storage.
    private func storage(_ report: (Step) -> Void) async {
        guard let storageHost else { return }
        let url = HTTPClientURL(scheme: .https, host: storageHost)
        await request("storage", url, dial: clients.dial(url), by: clients.dataPlaneClient, fields: [], report) { _ in nil }
    }

    /// Sends a request and reports whether there was a response.
    /// - Parameters:
    ///   - dial: `host:port` to connect to instead; nil: the URL's.
    ///   - httpClient: with the trust of the data plane or of calls to AWS.
    ///   - judge: what a response's status says is wrong; nil: nothing.
    private func request(
        _ step: String, _ url: HTTPClientURL, dial: String?, by httpClient: HTTPClient, fields: [(name: String, value: String)],
        _ report: (Step) -> Void,
        judge: (Int) -> String?
    ) async {
        var get = HTTPClientRequest("GET \(url.path)", url: url, fields: fields)
        (get.dial, get.wantsCertificate) = (dial, true)
        do {
            let response = try await httpClient.call(get)
            let certificate = response.certificate.map { ["certificate: \($0)"] } ?? []
            let offset = response.date.map { $0 - Int(Date().timeIntervalSince1970) } ?? 0
            let clock =
                abs(offset) > Self.clockTolerance
                ? ["this machine's clock is \(abs(offset)) s \(offset > 0 ? "behind" : "ahead of") its"] : []
            let problem = judge(response.status)
            report(
                Step(
                    step: step, outcome: problem == nil ? .ok : .failed,
                    detail: "\(url.hostField) reached at \(response.address)\(problem.map { "; \($0)" } ?? "")",
                    notes: certificate + clock,
                    facts: ["address": response.address, "status": "\(response.status)"]))
        } catch {
            let fix = AWSError.hint(for: error).map { ["\($0)"] } ?? []
            report(
                Step(
                    step: step, outcome: .failed, detail: "\(url.hostField) cannot be reached: \(error.detail)",
                    notes: (dial.map { ["address tried: \($0), from connect_to"] } ?? []) + fix,
                    facts: ["error": error.kind.rawValue]))
        }
    }
}
