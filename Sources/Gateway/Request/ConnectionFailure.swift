import Transport

/// A connection of an exchange broke or stalled. The side is known where the error is thrown: each side's reads and writes throw their own.
struct ConnectionFailure: Error {
    enum Side: Sendable { case client, upstream }
    /// To what no connection could be made.
    enum Unreachable: Sendable { case registry, storage }

    let side: Side
    /// nil: there was a connection.
    let unreachable: Unreachable?
    /// `TransportError`, or `HeadError` for bytes that are not HTTP.
    let cause: any Error

    init(_ side: Side, _ cause: any Error) { (self.side, unreachable, self.cause) = (side, nil, cause) }

    init(_ unreachable: Unreachable, _ cause: TransportError) {
        (side, self.unreachable, self.cause) = (.upstream, unreachable, cause)
    }

    init(_ side: Side, _ kind: TransportError.Kind, call: StaticString, reason: String) {
        self.init(side, TransportError(kind, call: call, reason: reason))
    }

    /// Nothing moved for the time allowed.
    var isStall: Bool { (cause as? TransportError)?.kind == .timedOut }

    /// How it ends an exchange, for the access line.
    var end: StaticString {
        switch (side, unreachable, isStall) {
        case (.client, _, true): "client_stalled"
        case (.client, _, false): "client_gone"
        case (.upstream, .registry, _): "upstream_unreachable"
        case (.upstream, .storage, _): "storage_unreachable"
        case (.upstream, nil, true): "upstream_stalled"
        case (.upstream, nil, false): "upstream_failed"
        }
    }

    /// Another attempt would fail for the same reason.
    var isPermanent: Bool {
        let kind = (cause as? TransportError)?.kind
        return kind == .untrusted || kind == .forbidden
    }
}
