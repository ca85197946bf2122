import Synchronization

/// The difference between AWS's clock and this machine's at one endpoint. Once it is known, signatures carry AWS's time (ECR 4.7).
final class ClockOffset: Sendable {
    /// Seconds. ECR accepts signatures within 15 minutes (ECR 3), so a smaller difference is not why one was rejected.
    static let minCorrection = 240
    private let offset = Atomic(0)

    /// Seconds that AWS's clock is ahead.
    var seconds: Int { offset.load(ordering: .relaxed) }

    /// Returns true when signing again with the new time may help.
    func adopt(_ measured: Int?) -> Bool {
        guard let measured, abs(measured - seconds) > Self.minCorrection else { return false }
        offset.store(measured, ordering: .relaxed)
        return true
    }
}
