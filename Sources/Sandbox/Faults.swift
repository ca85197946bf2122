import HTTP

/// The faults that wait for a matching request. Confined to the sandbox's loop.
final class Faults {
    private(set) var pending: [Fault] = []
    /// Of the pseudo-random numbers that decide on `share`: a linear congruential generator with the multiplier and increment of Knuth's MMIX.
    private var state: UInt64 = 1
    static let maxPending = 1000

    /// Returns false when too many faults wait.
    func add(_ fault: Fault) -> Bool {
        guard pending.count < Self.maxPending else { return false }
        pending.append(fault)
        return true
    }

    func removeAll() { (pending, state) = ([], 1) }

    /// The first fault that matches this request; counts it down.
    func take(for service: Service, method: Method, path: String) -> Fault? {
        guard let index = pending.firstIndex(where: { $0.matches(service, method: method, path: path) && isChosen($0) }) else {
            return nil
        }
        let fault = pending[index]
        let times = (fault.times ?? 1) - 1
        if times == 0 { pending.remove(at: index) } else { pending[index].times = max(times, -1) }
        return fault
    }

    private func isChosen(_ fault: Fault) -> Bool {
        guard let share = fault.share else { return true }
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 11) < share * Double(1 << 53 as UInt64)
    }
}
