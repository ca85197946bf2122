import HTTP

/// The faults that wait for a matching request. Confined to the sandbox's loop.
final class Faults {
    private(set) var pending: [Fault] = []
    static let maxPending = 1000

    /// Returns false when too many faults wait.
    func add(_ fault: Fault) -> Bool {
        guard pending.count < Self.maxPending else { return false }
        pending.append(fault)
        return true
    }

    func removeAll() { pending = [] }

    /// The first fault that matches this request; counts it down.
    func take(for service: Service, method: Method, path: String) -> Fault? {
        guard let index = pending.firstIndex(where: { $0.matches(service, method: method, path: path) }) else { return nil }
        let fault = pending[index]
        let times = (fault.times ?? 1) - 1
        if times == 0 { pending.remove(at: index) } else { pending[index].times = max(times, -1) }
        return fault
    }
}
