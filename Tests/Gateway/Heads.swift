import HTTP
import Testing

/// A head by its lines; one that begins with a status is a response's.
func head(_ lines: [String]) throws -> Head {
    var reader = HeadReader(limits: HeadLimits())
    reader.input = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    let head = Head()
    #expect(try reader.take(head, as: lines[0].hasPrefix("HTTP/") ? .response(toHead: false) : .request))
    return head
}
