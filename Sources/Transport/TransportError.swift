import Crypto
import Glibc

/// Why a stream cannot go on: the kind of failure, and the call that reported it.
///
/// Asynchronous functions throw it untyped: the optimizer of Swift 6.3.1 crashes where a typed error leaves an inlined `async` function.
package struct TransportError: Error, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Kind: Sendable {
        /// The peer closed or reset the connection.
        case closed
        /// Nothing moved for the time allowed.
        case timedOut
        /// We ended the stream: a drain, or the other side of the exchange is gone.
        case cancelled
        /// The client does not speak TLS on a TLS listener.
        case notTLS
        /// Another process or listener has the address.
        case addressInUse
        /// The peer refused the connection or cannot be reached.
        case refused
        /// The name has no address.
        case unresolved
        /// A handshake or a record failed.
        case tls
        /// The peer's certificate is not accepted.
        case untrusted
        /// The address must not be connected to.
        case forbidden
        /// The process, or the system, has no descriptor left.
        case noDescriptor
        /// Any other failed system call.
        case system
    }

    /// What callers decide by.
    package let kind: Kind
    /// The system or library call, as `recv`.
    package let call: StaticString
    /// For people: the host or address where known, and why.
    package let reason: String

    /// An error that is not an errno's.
    package init(_ kind: Kind, call: StaticString, reason: String) { (self.kind, self.call, self.reason) = (kind, call, reason) }

    init(call: StaticString, errno code: Int32) {
        let kind: Kind =
            switch code {
            case ECONNRESET, EPIPE, ENOTCONN: .closed
            case ETIMEDOUT: .timedOut
            case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: .refused
            case EMFILE, ENFILE: .noDescriptor
            default: .system
            }
        self.init(kind, call: call, reason: describe(errno: code))
    }

    /// A call on a connection that we have closed: its descriptor may be another connection's by now.
    static func connectionClosed(_ call: StaticString) -> TransportError {
        TransportError(.cancelled, call: call, reason: "the connection has been closed")
    }

    init(_ error: TLSError) { self.init(error.isUntrusted ? .untrusted : .tls, call: error.call, reason: error.reason) }

    /// `recv: Connection reset by peer`.
    package var description: String { "\(call): \(reason)" }
}
