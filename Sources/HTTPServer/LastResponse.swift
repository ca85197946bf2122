import HTTP
package import Transport

/// A whole response after which the connection ends: to a malformed request, or to a client that is not served.
package enum LastResponse {
    /// The whole response, with `Date`, `Content-Length` and `Connection: close`.
    package static func bytes(_ status: Int, fields: [(String, String)], body: [UInt8], on loop: EventLoop) -> [UInt8] {
        let output = loop.output
        let head = ResponseHeadWriter(status: status, into: output)
        head.field("Date", loop.date.now())
        head.fields(fields)
        head.finish(.length(body.count), date: nil, connection: "Connection: close\r\n")
        output.append(body)
        return output.array
    }
}
