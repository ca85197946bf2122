import HTTP
package import Transport

/// A whole response after which the connection ends: to what is no request, or to somebody who is not to be served.
package enum LastResponse {
    package static func bytes(_ status: Int, fields: [(String, String)], body: [UInt8], on loop: EventLoop) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendStatusLine(status)
        bytes.appendField("Date", loop.date.now())
        bytes.append(fields)
        bytes.appendField("Content-Length", decimal: body.count)
        bytes.append("Connection: close\r\n\r\n")
        return bytes + body
    }
}

extension [UInt8] {
    /// Field lines. What would end one early becomes a blank.
    mutating func append(_ fields: [(String, String)]) {
        for (name, value) in fields {
            append(contentsOf: name.utf8)
            append(": ")
            append(contentsOf: value.utf8.map { $0 < 32 || $0 == 127 ? 32 : $0 })
            append("\r\n")
        }
    }
}
