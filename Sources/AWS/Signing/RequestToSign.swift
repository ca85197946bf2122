/// The parts of a request that a signature covers.
package struct RequestToSign: Sendable {
    /// In upper case.
    package var method: String
    /// As on the request line, without the query.
    package var path: String
    /// Decoded names and values, in any order.
    package var query: [(name: String, value: String)]
    /// Every field that is sent, in its order. Includes `host`, with a port that is not the scheme's default.
    package var fields: [(name: String, value: String)]
    /// The whole body.
    package var body: [UInt8]

    /// - Parameter fields: with `host`; `SigV4` adds its own.
    package init(
        method: String, path: String = "/", query: [(name: String, value: String)] = [], fields: [(name: String, value: String)],
        body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.body = body
    }
}
