import Cache
import Configuration
import Crypto
import HTTP
import HTTPServer
import Registry
import Transport

/// Downloads a blob into the cache for all who read it, in a task of its own: it goes on when the client leaves whose request began it. Where the
/// transfer breaks it goes on at its byte, at the same registry or at a fallback. Confined to its loop.
final class BlobDownload {
    private let fill: Fill
    private let size: Int
    private let target: [UInt8]
    private let connectTo: ConnectTo
    private let task: OwnTask
    private var registry: RegistryClient
    /// Goes on from where the client's request has come.
    private let failover: Failover?
    private var policy: RetryPolicy
    private var progress: BlobProgress
    /// Bytes of the blob that have been passed on to the disk.
    private var received = 0
    private var lease: Lease?
    private var connection: UpstreamConnection?

    /// What the disk does not take any more.
    private struct Abandoned: Error {}

    /// Begins a download with the response to a client's request.
    /// - Parameters:
    ///   - fill: begun.
    ///   - lease: of a connection on which the whole blob comes, and of which no byte of the body has been read.
    ///   - forwarder: the client's request.
    static func begin(_ fill: Fill, size: Int, _ lease: consuming Lease, for forwarder: Forwarder, connectTo: ConnectTo) {
        let connection = lease.connection, held = Handover(lease)
        let (registry, failover, target) = (forwarder.registry, forwarder.failover?.copy(), Array(forwarder.target))
        let hasStarted = registry.worker.tasks.start { task in
            guard let lease = held.take() else { return }
            connection.stream.waiter = task.waiter
            let download = BlobDownload(
                fill, size: size, target: target, connectTo: connectTo, task: task, registry: client(registry, task),
                failover: failover)
            await download.run(lease, connection)
        }
        connection.stream.waiter = connection.idleWaiter
        if !hasStarted { fill.abandon() }
    }

    /// A lease on its way into a task.
    private final class Handover {
        private var lease: Lease?
        init(_ lease: consuming Lease) { self.lease = consume lease }
        func take() -> Lease? { lease.take() }
    }

    private init(
        _ fill: Fill, size: Int, target: [UInt8], connectTo: ConnectTo, task: OwnTask, registry: RegistryClient, failover: Failover?
    ) {
        (self.fill, self.size, self.target, self.connectTo) = (fill, size, target, connectTo)
        (self.task, self.registry, self.failover) = (task, registry, failover)
        policy = RetryPolicy(from: .now)
        progress = BlobProgress(size: size)
    }

    private static func client(_ client: RegistryClient, _ task: OwnTask) -> RegistryClient {
        RegistryClient(
            upstream: client.upstream, worker: client.worker, timeouts: client.timeouts, record: client.record.ofTask(),
            requester: .task(task), alternative: client.alternative)
    }

    private func run(_ first: consuming Lease, _ connection: UpstreamConnection) async {
        lease = consume first
        self.connection = connection
        while true {
            do {
                let connection = if let connection = self.connection { connection } else { try await open() }
                try await transfer(connection)
                release()
                _ = await fill.finish()
                return
            } catch {
                let wasPassing = self.connection != nil
                release()
                guard await goesOn(after: error, wasPassing: wasPassing) else { return fill.abandon() }
            }
        }
    }

    private func release() {
        lease = nil
        connection = nil
    }

    /// The rest of the body to the disk. Waits while the disk is slower.
    private func transfer(_ connection: UpstreamConnection) async throws {
        connection.stream.readAhead = .far
        while received < size {
            guard let buffer = await fill.buffer() else { throw Abandoned() }
            if task.loop.isTurnOver { await task.loop.nextTurn() }
            // Also where the transfer breaks: what has come counts, and the fill has few buffers.
            defer {
                received += buffer.count
                fill.append(buffer)
            }
            try await read(connection, into: buffer)
        }
    }

    /// What is there now, at least one byte.
    private func read(_ connection: UpstreamConnection, into buffer: FillBuffer) async throws {
        while buffer.count < min(buffer.room, size - received) {
            switch try connection.tryRead(into: buffer.free) {
            case .payload(let count): buffer.count += count
            case .end: throw ConnectionFailure(.upstream, .closed, call: "recv", reason: "the upstream sent less than it announced")
            case .wantsRead:
                guard buffer.count == 0 else { return }
                try await connection.waitUntilReadable(timeout: registry.timeouts.stall)
            case .wantsWrite:
                guard buffer.count == 0 else { return }
                try await connection.waitUntilWritable(timeout: registry.timeouts.stall)
            }
        }
    }

    /// Asks for the rest.
    private func open() async throws -> UpstreamConnection {
        let lease = try await ask()
        let connection = lease.connection
        guard progress.isContinued(by: connection.head, after: received) else {
            throw ConnectionFailure(
                .upstream, .closed, call: "resume",
                reason: "the upstream responded to the request for the rest of a blob with status \(connection.head.status)")
        }
        connection.stream.waiter = task.waiter
        self.lease = consume lease
        self.connection = connection
        return connection
    }

    /// The response of whoever has the rest, the registry or its storage, whatever it says.
    private func ask() async throws -> Lease {
        let storage = BlobStorage(registry: registry, connectTo: connectTo)
        // Without a client's fields: no condition of its, and no coding.
        let requestHead = RequestHead(Head(), target: target[...], range: received..<size)
        let lane = Lane(.getDownloadURLForLayer, isLarge: true)
        while true {
            let response = try await registry.response(to: requestHead, in: lane, collecting: nil, &policy)
            guard let location = try storage.location(response) else { return response.lease }
            await registry.release(response)
            try storage.checkMayBeAsked()
            let lease = try await storage.open(location, requestHead, from: policy.start)
            guard BlobStorage.isURLRejected(lease.connection.head.status) else { return lease }
            guard registry.retries.next(&policy, after: .urlExpired) != .fail else {
                throw ErrorResponse.badGateway("The blob's storage rejects every URL.")
            }
        }
    }

    /// Whether to ask for the rest, after a wait.
    private func goesOn(after error: any Error, wasPassing: Bool) async -> Bool {
        guard !task.isAbandoned, !fill.content.progress.phase.isEnd else { return false }
        if wasPassing, (error as? ConnectionFailure)?.side == .upstream,
            case .resume(let pause) = registry.retries.next(&policy, after: .transferFailed(sent: received, canResume: true))
        {
            if (try? await registry.retries.pause(for: pause)) != nil { return true }
            // The registry has failed others meanwhile: another one is asked. Or the task is abandoned.
            guard !task.isAbandoned else { return false }
        }
        let hasToken = registry.worker.hasToken
        guard let failover,
            (try? failover.advance(after: error, isOvertaken: registry.isOvertaken, hasToken: hasToken)) == true
        else { return false }
        registry = failover.client(registry)
        policy = RetryPolicy(from: registry.start)
        return true
    }
}
