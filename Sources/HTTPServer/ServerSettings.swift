package import HTTP

/// The bounds of a client's connection.
package struct ServerSettings: Sendable {
    /// Of a request's head.
    package var limits = HeadLimits()
    /// From a request's first byte to the end of its head.
    package var headTimeout = Duration.seconds(10)
    /// For the whole handshake.
    package var tlsHandshakeTimeout = Duration.seconds(10)
    /// Between two requests.
    package var idleTimeout = Duration.seconds(75) { didSet { heldTimeout = min(idleTimeout, .seconds(1)) } }
    /// How long an idle connection keeps its buffers: most clients that send another request do so sooner.
    private(set) var heldTimeout = Duration.seconds(1)
    /// Without a byte moving, in a request's body or a response.
    package var stallTimeout = Duration.seconds(60)

    /// The defaults of the configuration file.
    package init() {}

    /// The rest of the idle time, without buffers.
    var parkedTimeout: Duration { idleTimeout - heldTimeout }
}
