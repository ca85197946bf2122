import Glibc
import Synchronization
import Transport

/// Notes that the user wants the command to end, so that it first removes what it has made. A second signal ends it at once.
final class Interruption: Sendable {
    private let signals = Atomic(0)

    var hasCome: Bool { signals.load(ordering: .relaxed) > 0 }

    func watch(on loop: EventLoop) {
        let stream = ProcessSignals.stream(of: [SIGINT, SIGTERM], on: loop)
        Task { [self] in
            for await number in stream where signals.add(1, ordering: .relaxed).oldValue > 0 { _exit(128 + number) }
        }
    }
}
