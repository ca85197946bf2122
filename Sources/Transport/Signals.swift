import CLibevent
import Crypto
import Glibc

extension EventLoop {
    /// The signals of these numbers that reach the process, as they come; they no longer have their usual effect. For one loop of
    /// the process only (libevent's rule), and until the process ends.
    package func signals(_ numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        execute { [self] in
            for number in numbers {
                let box = Unmanaged.passRetained(SignalBox(number, continuation)).toOpaque()
                let event = event_new(
                    base, number, Int16(EV_SIGNAL | EV_PERSIST),
                    { _, _, box in
                        guard let box else { return }
                        let signal = Unmanaged<SignalBox>.fromOpaque(box).takeUnretainedValue()
                        signal.continuation.yield(signal.number)
                    }, box)
                event_add(event, nil)
            }
        }
        return stream
    }

    /// What a process with loops needs, before anything else. A peer that closes while it is written to is an error of that write (EPIPE),
    /// not the end of the process. And loops run until the process ends, closing TLS connections perhaps at that very moment, so OpenSSL
    /// must not clean up under them (seen: a crash after the last line).
    package static func prepareProcess() {
        signal(SIGPIPE, SIG_IGN)
        Descriptors.raiseLimit()
        leaveCleaningUpToTheSystem()
    }
}

private final class SignalBox: Sendable {
    let number: Int32
    let continuation: AsyncStream<Int32>.Continuation
    init(_ number: Int32, _ continuation: AsyncStream<Int32>.Continuation) {
        (self.number, self.continuation) = (number, continuation)
    }
}
