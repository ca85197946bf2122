import HTTP

/// The bounds of a connection. The defaults are the contract's.
public struct ServerSettings: Sendable {
    public var limits = HeadLimits()
    /// From a request's first byte to the end of its head.
    public var headTimeout = Duration.seconds(10)
    public var tlsHandshakeTimeout = Duration.seconds(10)
    /// Between two requests.
    public var idleTimeout = Duration.seconds(75)
    /// Without a byte moving, in a body or an answer.
    public var stallTimeout = Duration.seconds(60)

    public init() {}

    /// How long an idle connection keeps its buffers and its task: most clients that send another request do so sooner.
    var heldTimeout: Duration { min(idleTimeout, .seconds(1)) }
    /// The rest of the idle time.
    var parkedTimeout: Duration { idleTimeout - heldTimeout }

    /// The durations that every connection of a loop waits with: worth a queue of their own there.
    public var timeouts: [Duration] { [heldTimeout, parkedTimeout, stallTimeout] }
}
