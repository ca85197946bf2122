import Access
import Configuration
import FoundationEssentials
import Registry

/// What a failed request of `check --repository` means, and how to mend it.
struct RepositoryFailure {
    /// What was to be done: its words, and the permissions that it takes (ECR 1).
    enum Purpose {
        case manifest, blob, upload, manifestPut, delete, tags

        var phrase: String {
            switch self {
            case .manifest: "the manifest cannot be read"
            case .blob: "the blob cannot be read"
            case .upload: "a blob cannot be pushed"
            case .manifestPut: "the manifest cannot be pushed"
            case .delete: "the tag cannot be deleted"
            case .tags: "the tags cannot be listed"
            }
        }

        var permissions: [String] {
            switch self {
            case .manifest: ["ecr:BatchGetImage"]
            case .blob: ["ecr:GetDownloadUrlForLayer"]
            case .upload:
                ["ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]
            case .manifestPut: ["ecr:PutImage"]
            case .delete: ["ecr:BatchDeleteImage"]
            case .tags: ["ecr:ListImages"]
            }
        }
    }

    let purpose: Purpose
    let response: PrivateGateway.Response
    let upstream: Settings.Upstream
    /// As the upstream calls it.
    let repository: Repository

    /// What is wrong.
    var detail: String {
        if response.code == "NAME_UNKNOWN" {
            return "\(purpose.phrase): the repository \(repository) does not exist at \(upstream.registry.host)"
        }
        let said = response.message ?? "the gateway responded without a reason"
        let reason = response.reason.flatMap { $0 == response.message ? nil : $0 }
        return "\(purpose.phrase): status \(response.status)\(response.code.map { " \($0)" } ?? ""): \(said)"
            + (reason.map { " [\($0)]" } ?? "")
    }

    /// How to mend it.
    var fixes: [String] {
        if let denied = deniedAction { return denial(of: denied) }
        switch (response.end, response.code) {
        case ("storage_unreachable", _):
            return [
                "layers are not at the registry but in S3; let Berth's machine connect to it, on port 443: a gateway endpoint for S3 in a VPC without internet, a rule in firewalls, HTTPS_PROXY, or connect_to"
            ]
        case ("upstream_unreachable", _):
            return ["let Berth's machine connect to \(upstream.registry.host), on port 443; the steps above say more"]
        case (_, "NAME_UNKNOWN"): return missingRepository
        case (_, "MANIFEST_UNKNOWN"): return ["name a tag that is there: --repository NAME:TAG"]
        case (_, "TOOMANYREQUESTS"): return ["ECR limits the rate of these requests; try again in a minute"]
        case (_, "DENIED"):
            return ["add to the policy of these credentials: \(statement(purpose.permissions, on: arn))"] + repositoryPolicy
        default: return []
        }
    }

    private static let denial = "not authorized to perform: "

    /// From `User: ARN is not authorized to perform: ecr:BatchGetImage on resource: ARN because …` (ECR 1.1).
    private var deniedAction: String? {
        for text in [response.reason, response.message].compactMap({ $0 }) {
            if let found = text.firstMatch(of: /(?:perform:|may not do) (ecr[a-z-]*:[A-Za-z]+)/) { return String(found.1) }
        }
        return nil
    }

    private func denial(of action: String) -> [String] {
        if response.reason?.contains("explicit deny") == true {
            return [
                "a policy denies \(action) outright, so that no other can allow it: look for Deny in the identity's policies, its permissions boundary, the organisation's control policies and the VPC endpoint's policy"
            ]
        }
        // The rest of the permissions that the same purpose takes would be missed next.
        let actions = purpose.permissions.contains(action) ? purpose.permissions : [action]
        return ["add to the policy of these credentials: \(statement(actions, on: arn))"] + repositoryPolicy
    }

    private var repositoryPolicy: [String] {
        [
            "if the repository is of another account than the credentials, its own policy must allow the same (aws ecr set-repository-policy)"
        ]
    }

    private var missingRepository: [String] {
        let region = upstream.registry.region
        let account = upstream.registry.account.map { " --registry-id \($0)" } ?? ""
        let create = "create it: aws ecr create-repository --region \(region)\(account) --repository-name \(repository)"
        guard let creation = upstream.createRepositories else {
            return [
                create,
                "or let pushes create it: upstreams[].create_repositories: {match: [\"\(repository)\"]} in the configuration",
            ]
        }
        let matches = creation.match.contains { $0.matches(repository.bytes) }
        return [
            create,
            matches
                ? "or push to it: create_repositories covers this name"
                : "or let pushes create it: add \"\(repository)\" to create_repositories.match, which does not cover this name",
        ]
    }

    private var arn: String {
        let registry = upstream.registry
        return "arn:\(registry.partitionName):ecr:\(registry.region):\(registry.account ?? "ACCOUNT"):repository/\(repository)"
    }

    private func statement(_ actions: [String], on resource: String) -> String {
        let quoted = actions.map { "\"\($0)\"" }
        let list = quoted.count == 1 ? quoted[0] : "[\(quoted.joined(separator: ", "))]"
        return "{\"Effect\": \"Allow\", \"Action\": \(list), \"Resource\": \"\(resource)\"}"
    }
}
