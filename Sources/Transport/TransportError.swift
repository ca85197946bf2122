import Crypto
import Glibc

/// Why a stream cannot go on: the call that said so and what kind of end it is.
///
/// Asynchronous functions throw it untyped: the optimizer of Swift 6.3.1 crashes where a typed error leaves an `async` function
/// that has been inlined.
package struct TransportError: Error, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The peer closed or reset the connection.
        case closed
        /// Nothing moved for the time allowed.
        case timedOut
        /// The loop took the stream away: drain, or the other side of the exchange is gone.
        case cancelled
        /// The peer does not speak TLS where it should.
        case notTLS
        /// Somebody else listens at the address.
        case addressInUse
        case refused, unresolved, tls, system
    }

    package let kind: Kind
    package let call: StaticString
    package let reason: String

    package init(_ kind: Kind, call: StaticString, reason: String) { (self.kind, self.call, self.reason) = (kind, call, reason) }

    init(call: StaticString, errno code: Int32) {
        let kind: Kind =
            switch code {
            case ECONNRESET, EPIPE, ENOTCONN: .closed
            case ETIMEDOUT: .timedOut
            case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: .refused
            default: .system
            }
        self.init(kind, call: call, reason: describe(errno: code))
    }

    init(_ error: TLSError) { self.init(.tls, call: error.call, reason: error.reason) }

    package var description: String { "\(call): \(reason)" }
}
