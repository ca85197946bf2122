import Transport

/// A connection of an exchange broke or stalled. The side is known where the error is thrown: each side's reads and writes throw their own.
struct ConnectionFailure: Error {
    enum Side: Sendable { case client, upstream }

    let side: Side
    /// `TransportError`, or `HeadError` for bytes that are not HTTP.
    let cause: any Error

    init(_ side: Side, _ cause: any Error) { (self.side, self.cause) = (side, cause) }

    init(_ side: Side, _ kind: TransportError.Kind, call: StaticString, reason: String) {
        self.init(side, TransportError(kind, call: call, reason: reason))
    }

    /// Nothing moved for the time allowed.
    var isStall: Bool { (cause as? TransportError)?.kind == .timedOut }
}
