import Registry

/// Whether a worker has more to do than it can. Past a bound new requests are sent away at once, those first that would bring much work, so
/// that the others keep their time. A pure value: times are nanoseconds of a clock that only goes forward.
///
/// What is measured is how long requests that are there have to wait for the loop.
struct Pressure {
    private var windowEnd = 0
    /// The longest wait in the present window, in the last one, and in the one before.
    private var worst = Duration.zero, last = Duration.zero, beforeLast = Duration.zero
    /// Both of these are too long.
    private var isLasting = false
    private var lastSample = Int.min / 2

    /// Nanoseconds. One long round, such as after the process has been stopped for a moment, is not pressure: two windows in a row are.
    static let window = 500_000_000
    /// Nanoseconds between two measurements, which cost a call to the clock.
    static let interval = 5_000_000
    /// The wait past which no transfer of a blob begins, and the one past which only small reads do.
    static let maxForBlobs = Duration.milliseconds(500), maxForAll = Duration.seconds(2)

    /// Whether the request that has come now is to be measured.
    mutating func isDue(at now: Int) -> Bool {
        guard now &- lastSample >= Self.interval else { return false }
        lastSample = now
        return true
    }

    /// A request has waited for the loop.
    mutating func waited(_ time: Duration, at now: Int) {
        moveWindow(to: now)
        if time > worst { worst = time }
    }

    /// Whether a request that begins with this operation is sent away.
    mutating func sheds(_ operation: RegistryOperation, at now: Int) -> Bool {
        guard isLasting else { return false }
        moveWindow(to: now)
        let wait = min(last, beforeLast)
        switch operation {
        case .ping, .manifestGet, .manifestHead, .blobHead: return false
        case .blobGet, .uploadStart: return wait > Self.maxForBlobs
        // They go on with what has begun.
        case .uploadChunk, .uploadFinish, .manifestPut, .uploadStatus, .uploadCancel: return wait > Self.maxForAll
        case .catalog, .tags, .manifestDelete, .blobDelete, .referrers, .other: return wait > Self.maxForAll
        }
    }

    private mutating func moveWindow(to now: Int) {
        guard now >= windowEnd else { return }
        // Nothing came for a whole window: there is no pressure.
        (beforeLast, last) = now < windowEnd + Self.window ? (last, worst) : (.zero, .zero)
        (worst, windowEnd) = (.zero, now + Self.window)
        isLasting = last > Self.maxForBlobs && beforeLast > Self.maxForBlobs
    }
}
