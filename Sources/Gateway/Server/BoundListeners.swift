package import Configuration
package import Transport

/// Sockets that are bound to the addresses of new listeners, and take no connection yet. They are closed when this goes out of scope unused.
package struct BoundListeners: Sendable {
    /// By the listener's number.
    var sockets: [Int: [ListeningSocket]] = [:]

    /// Has the kernel take connections, which wait until a worker accepts them.
    /// - Throws: hardly ever: another program has begun to listen at an address since it was bound.
    package func listen() throws(TransportError) {
        for socket in sockets.values.joined() { try socket.listen() }
    }
}

extension TransportError {
    /// The same, for the person who wrote the address: with its key, file and line, and what to do.
    package func listening(at key: String, of settings: Settings) -> TransportError {
        let fix =
            kind == .addressInUse
            ? "use another address, or stop the program that uses it"
            : "write an address of this machine, and a port that Berth's user may listen on"
        return TransportError(kind, call: call, reason: settings.problem(key, "\(reason); \(fix)"))
    }
}
