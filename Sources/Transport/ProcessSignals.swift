import CLibevent
import Crypto
import Glibc

/// The signals that reach the process.
package enum ProcessSignals {
    /// The signals of these numbers as they come; they lose their default effect. For one loop of the process only (libevent's rule), and until the
    /// process ends.
    package static func stream(of numbers: [Int32], on loop: EventLoop) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        loop.execute {
            for number in numbers {
                let box = Unmanaged.passRetained(SignalBox(number, continuation)).toOpaque()
                let event = event_new(
                    loop.base, number, Int16(EV_SIGNAL | EV_PERSIST),
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
}

/// Prepares a process for running loops. To be called once, before anything else.
///
/// A peer that closes while it is written to is an error of that write (EPIPE), as is a file that grows beyond the limit for files (EFBIG); neither
/// must end the process. Loops run until the process ends and
/// may be closing TLS connections at that moment, so OpenSSL must not free its memory at exit (seen: a crash after the last log line).
package func prepareProcess() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    Descriptors.raiseLimit()
    disableOpenSSLExitHandler()
}

private final class SignalBox: Sendable {
    let number: Int32
    let continuation: AsyncStream<Int32>.Continuation
    init(_ number: Int32, _ continuation: AsyncStream<Int32>.Continuation) {
        (self.number, self.continuation) = (number, continuation)
    }
}
