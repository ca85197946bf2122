import Logging
import Testing

@testable import Gateway

struct CircuitTests {
    @Test func `asking whether an attempt would be let through does not take it`() {
        let circuit = Circuit(
            upstream: "main", registry: "r", isOfStorage: true, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(circuit.wouldLetTry() && circuit.mayTry())
        for _ in 0..<Breaker.maxFailuresInARow { circuit.failed(because: "it is away") }
        #expect(!circuit.wouldLetTry())
        let later = ContinuousClock.now + Breaker.minPause
        #expect(circuit.wouldLetTry(at: later) && circuit.wouldLetTry(at: later))
        #expect(circuit.mayTry(at: later))
        #expect(!circuit.wouldLetTry(at: later), "the attempt is under way")
    }
}
