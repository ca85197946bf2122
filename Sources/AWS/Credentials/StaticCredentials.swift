/// Keys from a file.
struct StaticCredentials: CredentialSource {
    let name = "profile"
    let credentials: Credentials
    func find() async throws(CredentialError) -> CredentialLookup { .found(credentials) }
}
