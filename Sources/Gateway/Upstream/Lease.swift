/// The use of an upstream connection for one exchange. When it goes out of scope, on whatever path, the connection goes back to its pool if
/// its exchange has ended in order, and is closed otherwise: once, and by nobody else.
struct Lease: ~Copyable {
    let connection: UpstreamConnection
    private let pool: UpstreamPool

    init(_ connection: UpstreamConnection, from pool: UpstreamPool) { (self.connection, self.pool) = (connection, pool) }

    deinit { pool.takeBack(connection) }
}
