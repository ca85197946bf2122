/// The open upload sessions. Confined to the sandbox's loop.
final class Uploads {
    private let directory: String
    private var open: [String: Upload] = [:]
    private var order: [String] = []
    /// Beyond it, the oldest session ends when another begins. How long ECR keeps sessions is not known (ECR 8).
    private static let maxSessions = 10_000

    init(directory: String) throws {
        // Sessions end with the process, so the files of an earlier one are useless.
        Files.removeAll(directory)
        try Files.makeDirectory(directory)
        self.directory = directory
    }

    var count: Int { open.count }

    func begin(in repository: String) -> Upload {
        if order.count == Self.maxSessions { open[order.removeFirst()] = nil }
        let upload = Upload(id: UUIDText.random(), repository: repository, directory: directory)
        open[upload.id] = upload
        order.append(upload.id)
        return upload
    }

    subscript(_ id: String, in repository: String) -> Upload? { open[id].flatMap { $0.repository == repository ? $0 : nil } }

    func end(_ upload: Upload) {
        open[upload.id] = nil
        order.removeAll { $0 == upload.id }
    }
}
