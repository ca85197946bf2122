/// Which listeners of a running configuration continue as which of a new one: those at the same address. Addresses with port 0 may be there more
/// than once, so the most similar are paired first.
package struct ListenerPairing {
    /// For each listener of the new configuration, the position of the running one; nil: there was none at its address.
    package let predecessors: [Int?]
    /// Positions of the running ones that end.
    package let ending: [Int]

    /// - Parameter old: of the running configuration.
    package init(from old: [Settings.Listener], to new: [Settings.Listener]) {
        var free = Array(old.indices)
        var predecessors = [Int?](repeating: nil, count: new.count)
        func pair(_ isSame: (Settings.Listener, Settings.Listener) -> Bool) {
            for index in new.indices where predecessors[index] == nil {
                guard let at = free.firstIndex(where: { isSame(old[$0], new[index]) }) else { continue }
                predecessors[index] = free.remove(at: at)
            }
        }
        pair { $0 == $1 }
        pair { $0.address == $1.address && ($0.tls == nil) == ($1.tls == nil) }
        pair { $0.address == $1.address }
        (self.predecessors, ending) = (predecessors, free)
    }
}
