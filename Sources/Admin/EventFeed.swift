/// The events of `/api/v1/events` (server-sent events, WHATWG HTML 9.2). While anybody listens, `publish` is called once a second; each listener
/// gets the parts that have changed since it was last sent something. A slow listener misses states in between and costs no memory. Confined to
/// the control loop.
final class EventFeed {
    /// Browsers allow six connections a host; a few operators each have a page open.
    static let maxListeners = 16

    private var versions: [StatePart: Int] = [:]
    private var bodies: [StatePart: [UInt8]] = [:]
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private(set) var listeners = 0
    private(set) var hasEnded = false

    /// What a listener has been sent.
    struct Position { fileprivate var seen: [StatePart: Int] = [:], isLast = false }

    /// Returns false when there are too many. Followed by `leave` when it returns true.
    func join() -> Bool {
        guard listeners < Self.maxListeners, !hasEnded else { return false }
        listeners += 1
        return true
    }

    func leave() { listeners -= 1 }

    /// - Parameter parts: JSON on one line each.
    func publish(_ parts: [StatePart: [UInt8]]) {
        for (part, body) in parts where bodies[part] != body {
            bodies[part] = body
            versions[part, default: 0] += 1
        }
        wake()
    }

    /// Nobody listens, and what was published becomes old.
    func reset() { (versions, bodies) = ([:], [:]) }

    /// Every listener gets a last event.
    func end() {
        hasEnded = true
        wake()
    }

    private func wake() {
        let all = waiting
        waiting = []
        for continuation in all { continuation.resume() }
    }

    /// What has changed for a listener, as soon as anything has. Returns nil after the last event.
    func next(_ position: inout Position) async -> [UInt8]? {
        while !position.isLast {
            let changed = StatePart.allCases.filter { versions[$0] != nil && versions[$0] != position.seen[$0] }
            if !changed.isEmpty {
                position.seen = versions
                return changed.flatMap { Self.event($0.rawValue, bodies[$0] ?? []) }
            }
            if hasEnded {
                position.isLast = true
                return Self.event("end", Array(#"{"message":"Berth has stopped."}"#.utf8))
            }
            await withCheckedContinuation { waiting.append($0) }
        }
        return nil
    }

    /// Sent first: how long a browser waits before it connects again.
    static let start = Array("retry: 2000\n\n".utf8)

    private static func event(_ name: String, _ data: [UInt8]) -> [UInt8] {
        Array("event: \(name)\ndata: ".utf8) + data + Array("\n\n".utf8)
    }
}
