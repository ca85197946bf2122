import Synchronization

/// Notices that the disk does not answer. Each call to it is noted while it lasts; when one has lasted too long, those who wait are let go, and
/// until it has ended nobody waits any more.
final class DiskWatch: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// In progress, by number.
        var calls: [Int: Call] = [:]
        /// What lets somebody go who waits, by number.
        var waits: [Int: @Sendable () -> Void] = [:]
        var lastNumber = 0
        var isHung = false

        mutating func nextNumber() -> Int {
            lastNumber += 1
            return lastNumber
        }
    }

    private struct Call {
        let name: String
        /// Looks that have found it in progress.
        var looks = 0
    }

    /// Looks, which are seconds. Not a time: that goes on while the machine sleeps.
    static let patience = 10

    /// A call had not been answered when it was last looked.
    var isHung: Bool { state.withLock { $0.isHung } }

    /// Makes a call to the disk.
    func note<Value, Failure: Error>(_ name: String, _ call: () throws(Failure) -> Value) throws(Failure) -> Value {
        let number = state.withLock { state in
            let number = state.nextNumber()
            state.calls[number] = Call(name: name)
            return number
        }
        defer { state.withLock { _ = $0.calls.removeValue(forKey: number) } }
        return try call()
    }

    /// Once a second.
    /// - Returns: the call that is not answered, when that is noticed. To be followed by `letGo`.
    func look() -> String? {
        state.withLock { state in
            for number in Array(state.calls.keys) { state.calls[number]?.looks += 1 }
            let late = state.calls.values.first { $0.looks > Self.patience }
            defer { state.isHung = late != nil }
            return state.isHung ? nil : late?.name
        }
    }

    // MARK: Those who wait

    /// - Parameter letGo: is called once when the disk does not answer, unless `endWait` comes before.
    /// - Returns: a number for `endWait`; nil: it does not answer now.
    func beginWait(_ letGo: @escaping @Sendable () -> Void) -> Int? {
        state.withLock { state in
            guard !state.isHung else { return nil }
            let number = state.nextNumber()
            state.waits[number] = letGo
            return number
        }
    }

    /// - Returns: false: it was let go.
    func endWait(_ number: Int) -> Bool { state.withLock { $0.waits.removeValue(forKey: number) != nil } }

    func letGo() {
        let waits = state.withLock { state in
            defer { state.waits = [:] }
            return state.waits
        }
        for letGo in waits.values { letGo() }
    }
}
