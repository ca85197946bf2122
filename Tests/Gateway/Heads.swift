import HTTP
import Testing

@testable import Gateway

/// A head by its lines; one that begins with a status line is a response's.
func head(_ lines: [String]) throws -> Head {
    var reader = HeadReader(limits: HeadLimits())
    reader.input.append(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
    let head = Head()
    #expect(try reader.take(head, as: lines[0].hasPrefix("HTTP/") ? .response(toHead: false) : .request))
    return head
}

func head(_ lines: String...) throws -> Head { try head(lines) }

/// A request by its method and target, as `GET /v2/`.
func registryRequest(_ request: String, fields: String...) throws -> RegistryRequest {
    try RegistryRequest(head(["\(request) HTTP/1.1", "Host: h"] + fields), host: Array("h".utf8)[...])
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
