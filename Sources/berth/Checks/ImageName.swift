import Registry

/// An image as a client names it, without the gateway's address: `team/app`, `team/app:1.2` or `team/app@sha256:…`.
struct ImageName {
    let repository: Repository
    /// nil: neither a tag nor a digest was given.
    let reference: Reference?

    static let allowed = "NAME, NAME:TAG or NAME@DIGEST, without the gateway's address"

    /// nil: not `allowed`.
    init?(_ text: String) {
        let mark = text.lastIndex(of: "@") ?? text.lastIndex(of: ":")
        guard let repository = Repository(String(text[..<(mark ?? text.endIndex)])) else { return nil }
        self.repository = repository
        guard let mark else {
            reference = nil
            return
        }
        guard let reference = Reference(Array(text[text.index(after: mark)...].utf8)) else { return nil }
        self.reference = reference
    }
}
