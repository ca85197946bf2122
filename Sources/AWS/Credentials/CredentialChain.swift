/// Sources in the order of the SDKs. The first that has credentials is used (ECR 4.1).
struct CredentialChain: CredentialSource {
    let name: String
    let sources: [any CredentialSource]

    init(name: String = "automatic", _ sources: [any CredentialSource]) {
        self.name = name
        self.sources = sources
    }

    func find() async throws(CredentialError) -> CredentialLookup { try await search().0 }

    func search() async throws(CredentialError) -> (CredentialLookup, skipped: [String]) {
        var reasons: [String] = []
        for source in sources {
            switch try await source.find() {
            case .found(let credentials): return (.found(credentials), reasons)
            case .absent(let reason):
                // A profile is looked at twice, before and after the web identity.
                let line = "\(source.name): \(reason)"
                if !reasons.contains(line) { reasons.append(line) }
            }
        }
        return (.absent(reasons.joined(separator: "; ")), reasons)
    }
}
