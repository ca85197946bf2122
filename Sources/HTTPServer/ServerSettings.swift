package import HTTP

/// The bounds of a connection. The defaults are the contract's.
package struct ServerSettings: Sendable {
    package var limits = HeadLimits()
    /// From a request's first byte to the end of its head.
    package var headTimeout = Duration.seconds(10)
    package var tlsHandshakeTimeout = Duration.seconds(10)
    /// Between two requests.
    package var idleTimeout = Duration.seconds(75)
    /// Without a byte moving, in a body or an answer.
    package var stallTimeout = Duration.seconds(60)

    package init() {}

    /// How long an idle connection keeps its buffers and its task: most clients that send another request do so sooner.
    var heldTimeout: Duration { min(idleTimeout, .seconds(1)) }
    /// The rest of the idle time.
    var parkedTimeout: Duration { idleTimeout - heldTimeout }

    /// The durations that every connection of a loop waits with: worth a queue of their own there.
    package var timeouts: [Duration] { [heldTimeout, parkedTimeout, stallTimeout] }
}
