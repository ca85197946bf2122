/// A file that the configuration names, such as a certificate or `users_file`.
package struct NamedFile: Sendable {
    /// As the configuration has it.
    package let path: String
    /// Taken just before the file was read; nil: there was none.
    package let fingerprint: FileFingerprint?

    /// To be made before the file is read: a change in between is then found later, and none is missed.
    package init(_ path: String) { (self.path, fingerprint) = (path, FileFingerprint(of: path)) }
}
