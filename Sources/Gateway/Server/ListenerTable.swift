import Configuration
import Synchronization
import Transport

/// The data plane's listening sockets, by the numbers of their listeners, and who accepts from them.
final class ListenerTable: Sendable {
    private struct Entry {
        var sockets: [ListeningSocket]
        /// Empty until the workers accept.
        var listeners: [Listener] = []
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        /// The drain has begun: nothing is accepted any more.
        var isClosed = false
    }

    private let state = Mutex(State())
    private let workers: [Worker]
    private let exhausted: @Sendable (TransportError) -> Void

    /// - Parameter exhausted: as of `Listener.init`.
    init(_ workers: [Worker], exhausted: @escaping @Sendable (TransportError) -> Void) {
        (self.workers, self.exhausted) = (workers, exhausted)
    }

    /// The address of a listener, with the port that the kernel picked where 0 was asked for; nil: there is no such listener.
    func address(of number: Int) -> SocketAddress? { state.withLock { $0.entries[number]?.sockets.first?.address } }

    /// The sockets of a listener; empty: there is no such listener.
    func sockets(of number: Int) -> [ListeningSocket] { state.withLock { $0.entries[number]?.sockets ?? [] } }

    /// The addresses that a configuration lacks.
    func leaving(for snapshot: ConfigurationSnapshot) -> [SocketAddress] {
        let numbers = Set(snapshot.listeners.map(\.number))
        return state.withLock { $0.entries.filter { !numbers.contains($0.key) }.compactMap(\.value.sockets.first?.address) }
    }

    /// Binds the sockets that a configuration needs and this table lacks. They take no connection yet, so that nothing has happened if one cannot
    /// be bound.
    /// - Parameters:
    ///   - leaving: addresses of other sockets of this process that will be closed, whose place a new one may take.
    ///   - settings: what the snapshot was made of, for messages.
    ///   - inherited: sockets that are taken instead of binding their addresses.
    func bind(
        _ snapshot: ConfigurationSnapshot, leaving: [SocketAddress], settings: Settings,
        inherited: InheritedSockets = InheritedSockets()
    ) throws(TransportError) -> BoundListeners {
        var bound = BoundListeners()
        let leaving = leaving + self.leaving(for: snapshot)
        for (index, policy) in snapshot.listeners.enumerated() where address(of: policy.number) == nil {
            let claimed = inherited.claim(policy.settings.address)
            if !claimed.isEmpty {
                bound.sockets[policy.number] = claimed
                continue
            }
            do throws(TransportError) {
                bound.sockets[policy.number] = try open(
                    policy.settings.address, isShared: leaving.contains(where: policy.settings.address.overlaps))
            } catch {
                throw error.listening(at: "listeners[\(index)].address", of: settings)
            }
        }
        return bound
    }

    /// One socket for each worker, so that the kernel spreads the connections.
    private func open(_ wanted: SocketAddress, isShared: Bool) throws(TransportError) -> [ListeningSocket] {
        let first = try ListeningSocket(on: wanted, isShared: isShared)
        var sockets = [first]
        for _ in workers.dropFirst() { sockets.append(try ListeningSocket(on: first.address, isShared: true)) }
        return sockets
    }

    /// Adds sockets that listen. The workers accept from them after `accept`.
    func add(_ bound: BoundListeners) {
        state.withLock { state in
            guard !state.isClosed else { return }
            for (number, sockets) in bound.sockets { state.entries[number] = Entry(sockets: sockets) }
        }
    }

    /// Has the workers accept from all sockets: each socket by one worker at least, and each worker from one at least.
    func accept() {
        state.withLock { state in
            for (number, var entry) in state.entries where entry.listeners.isEmpty {
                fill(&entry.sockets)
                state.entries[number] = entry
                state.entries[number]?.listeners = (0..<max(entry.sockets.count, workers.count)).map { index in
                    Listener(
                        on: entry.sockets[index % entry.sockets.count], number: number, host: workers[index % workers.count],
                        exhausted: exhausted)
                }
            }
        }
    }

    /// Adds sockets to inherited ones, up to one for each worker. Not earlier than now: what the kernel gives a socket is lost if its process fails
    /// before it accepts. Sockets that cannot be joined, as the service manager's, are shared.
    private func fill(_ sockets: inout [ListeningSocket]) {
        guard let first = sockets.first, first.allowsOthers else { return }
        while sockets.count < workers.count, let more = try? ListeningSocket(on: first.address, isShared: true) {
            guard (try? more.listen()) != nil else { return }
            sockets.append(more)
        }
    }

    /// Closes the sockets of listeners that a configuration lacks. The connections that waited in them are accepted before.
    func remove(allBut snapshot: ConfigurationSnapshot) async {
        let numbers = Set(snapshot.listeners.map(\.number))
        let ending = state.withLock { state in
            let ending = state.entries.filter { !numbers.contains($0.key) }
            for number in ending.keys { state.entries[number] = nil }
            return ending.values.flatMap(\.listeners)
        }
        await withTaskGroup(of: Void.self) { group in
            for listener in ending { group.addTask { await listener.finish() } }
        }
    }

    /// Closes all sockets, for good. Connections that wait in them are reset.
    func close() {
        let listeners = state.withLock { state in
            defer { state = State(isClosed: true) }
            return state.entries.values.flatMap(\.listeners)
        }
        for listener in listeners { listener.stop() }
    }
}
