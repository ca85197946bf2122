import Configuration
import FoundationEssentials
import Gateway
import Glibc
import Logging
import Transport

/// How a gateway comes to run, besides its configuration: what the service manager and the process before it pass on, and whether it offers its own
/// sockets to the next.
struct Launch: Sendable {
    let service: ServiceEnvironment
    /// nil: nothing is taken over.
    let predecessor: Predecessor?
    /// Listening sockets to be used instead of new ones.
    let sockets: InheritedSockets
    /// Where listening sockets are handed over; nil: not by this process.
    let offerPath: String?
    /// `--take-over` was given.
    let takesOver: Bool

    /// Without a service manager, and without a take-over before or after it.
    static let alone = Launch(ServiceEnvironment(), nil, offerPath: nil, takesOver: false)

    private init(_ service: ServiceEnvironment, _ predecessor: Predecessor?, offerPath: String?, takesOver: Bool) {
        (self.service, self.predecessor, self.offerPath, self.takesOver) = (service, predecessor, offerPath, takesOver)
        sockets = predecessor?.sockets ?? InheritedSockets(service.sockets)
    }

    /// As `berth serve` is started: looks at the environment, and connects to the running process. To be called before anything else.
    static func serve(takingOver: Bool) throws(TakeOverError) -> Launch {
        let service = try ServiceEnvironment.take()
        let path = (service.runtimeDirectory ?? directory) + "/take-over"
        let predecessor = takingOver ? try Predecessor.connect(to: path, version: ProgramVersion.text) : nil
        return Launch(service, predecessor, offerPath: path, takesOver: takingOver)
    }

    /// Where no service manager has made a directory.
    private static let directory = "/run/berth"

    /// Whether another process offers its sockets to this one now.
    var isOffered: Bool { offerPath.map { Predecessor.isOffered(at: $0) } ?? false }

    // MARK: Before

    /// Checks that the sockets that are taken over belong to the gateway that the configuration describes.
    func checkSockets(for settings: Settings, log: Logger) throws(StartError) {
        guard let predecessor else {
            if takesOver {
                log.notice("nothing to take over: no gateway offers its sockets", metadata: ["path": "\(offerPath ?? "")"])
            }
            return
        }
        log.notice("taking over", metadata: ["process": "\(predecessor.process)"])
        guard sockets.has(anyOf: settings.listeners.map(\.address) + [settings.admin]) else {
            throw StartError(
                "process \(predecessor.process) listens on \(Self.list(sockets.unclaimed)), of which this configuration has none; "
                    + "it is another gateway, which needs a RUNTIME_DIRECTORY of its own, or give the running one the new addresses by a reload"
            )
        }
    }

    /// What no listener of the configuration has claimed: an error where the service manager listens on it, since nobody would accept there.
    func checkUnclaimed(_ settings: Settings) throws(StartError) {
        defer { sockets.closeUnclaimed() }
        guard predecessor == nil, !sockets.unclaimed.isEmpty else { return }
        throw StartError(
            "the service manager passes a socket on \(Self.list(sockets.unclaimed)), which is the address of no listener: "
                + "listeners are on \(Self.list(settings.listeners.map(\.address))), admin on \(settings.admin); "
                + "make ListenStream= of the socket unit and the configuration the same")
    }

    private static func list(_ addresses: [SocketAddress]) -> String { addresses.map(\.description).joined(separator: ", ") }

    /// Before a take-over: waits until the upstreams can serve, so that clients notice nothing. Returns at once without a process to take over from.
    /// - Throws: none can; the running process may do better.
    func waitUntilServing(_ plan: GatewayPlan) async throws(StartError) {
        guard predecessor != nil else { return }
        let end = ContinuousClock.now + Self.tokenPatience
        var problems = plan.problems
        while !problems.isEmpty, ContinuousClock.now < end {
            try? await Task.sleep(for: Self.pollInterval)
            problems = plan.problems
        }
        guard plan.canServe else {
            throw StartError("no upstream can serve after \(Self.tokenPatience): \(problems.joined(separator: "; "))")
        }
    }

    /// For a token of each upstream.
    private static let tokenPatience = Duration.seconds(10)
    private static let pollInterval = Duration.milliseconds(50)

    /// This process accepts connections: has the running one stop.
    /// - Throws: it goes on serving.
    @concurrent func replacePredecessor(log: Logger) async throws {
        guard let predecessor else { return }
        try predecessor.replace()
        log.notice("taken over", metadata: ["process": "\(predecessor.process)"])
    }

    // MARK: After

    /// Offers the listening sockets to a later process. nil: it is not possible, which the log says.
    func offer(
        of control: ControlPlane, _ dataPlane: DataPlane, _ admin: AdminListener, _ service: ServiceStatus, log: Logger,
        handedOver: @escaping @Sendable () -> Void
    ) -> TakeOverOffer? {
        guard let offerPath else { return nil }
        do {
            try prepareDirectory(of: offerPath)
            let offer = try TakeOverOffer(
                at: offerPath, on: control.loop, patience: Self.successorPatience,
                estate: {
                    let plan = await control.plan
                    let sockets =
                        dataPlane.sockets + [HandedSocket(configured: plan.settings.admin, isAdmin: true, socket: admin.socket)]
                    return TakeOverOffer.Estate(sockets: sockets, key: plan.ownTokenKey)
                },
                report: { event in
                    switch event {
                    case .began(let process, let version):
                        log.notice(
                            "a new process starts to take over", metadata: ["process": "\(process)", "version": "\(version)"])
                    case .failed(let process, let reason):
                        log.error(
                            "not taken over: this process goes on serving",
                            metadata: ["process": "\(process)", "reason": "\(reason)"])
                    case .rejected(let reason): log.warning("a take-over was rejected", metadata: ["reason": "\(reason)"])
                    case .handedOver(let process):
                        log.notice("taken over by a new process", metadata: ["process": "\(process)"])
                        await service.hand(to: process)
                        handedOver()
                    }
                })
            Task { await offer.run() }
            return offer
        } catch {
            log.notice(
                "no later process can take over", metadata: ["reason": "\((error as? TransportError)?.reason ?? "\(error)")"])
            return nil
        }
    }

    /// For a new process that has the sockets, until it is ready: its tokens, and a slow disk.
    private static let successorPatience = Duration.seconds(60)

    private func prepareDirectory(of path: String) throws(StartError) {
        // The container ends with its first process, so it is replaced as a whole.
        guard getpid() != 1 else { throw StartError("this is the first process of a container") }
        let directory = URL(filePath: path).deletingLastPathComponent().path
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw StartError(
                "\(directory) cannot be made: \(describe(errno: errno)); set RUNTIME_DIRECTORY to a directory of Berth's user")
        }
        if predecessor == nil, Predecessor.isOffered(at: path) {
            throw StartError(
                "another gateway offers its sockets at \(path); set RUNTIME_DIRECTORY to another directory for this one")
        }
    }

    /// Starts a process that takes over from this one.
    func startSuccessor(isOffered: Bool, log: Logger) {
        guard isOffered else {
            return log.error("no new process is started: it could not take over, as the log said at the start")
        }
        // A container whose first process waits for this one would end with it.
        guard service.notifySocket != nil || predecessor != nil || getppid() != 1 else {
            return log.error(
                "no new process is started: no service manager would follow it; run berth serve --take-over, or replace the container"
            )
        }
        log.notice("starting a new process that takes over")
        Successor.start(service, log: log)
    }
}
