/// The use of an upstream connection for one exchange. When it goes out of scope, on whatever path, the connection goes back to its pool if
/// its exchange has ended in order, and is closed otherwise: once, and by nobody else.
struct Lease: ~Copyable {
    let connection: UpstreamConnection
    /// Ends with the lease at the latest.
    private var turn: Turn?
    private let pool: UpstreamPool

    init(_ connection: UpstreamConnection, from pool: UpstreamPool) { (self.connection, self.pool) = (connection, pool) }

    /// The exchange has this turn at the registry.
    mutating func hold(_ turn: consuming Turn) { self.turn = consume turn }

    /// The registry has done its part, though the connection is still in use.
    mutating func endTurn() { turn = nil }

    deinit { pool.takeBack(connection) }
}
