/// Collects the files that a configuration names while it is read, so that they can be watched.
final class NamedFiles {
    private(set) var all: [NamedFile] = []

    /// To be called before the file is read.
    func add(_ path: String) {
        guard !path.isEmpty, !all.contains(where: { $0.path == path }) else { return }
        all.append(NamedFile(path))
    }
}
