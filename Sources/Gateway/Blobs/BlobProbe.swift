import Configuration
import HTTP
import HTTPServer
import Registry
import Transport

/// HEAD of a blob where the upstream has none: its size, out of an answer to GET of its first byte.
struct BlobProbe {
    let exchange: Exchange
    let digest: Digest
    let site: Site

    /// - Parameter upstream: has answered 200, 206 or 416. A body that is more than the byte is not waited for.
    func tell(by upstream: UpstreamConnection) async throws {
        let length = Self.size(by: upstream.head)
        upstream.stream.close()
        guard let length else { throw Refusal(.unavailable, "The blob's storage does not tell its size.", status: 502) }
        let request = exchange.request
        exchange.record.status = 200
        exchange.hasAnswered = true
        var bytes: [UInt8] = []
        bytes.appendStatusLine(200)
        bytes.append("Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n")
        bytes.append("Docker-Distribution-Api-Version: registry/2.0\r\n")
        bytes.appendField("Date", request.connection.stream.loop.date.now())
        bytes.appendField("Content-Length", decimal: length)
        bytes.appendField("Docker-Content-Digest", digest.bytes)
        bytes.appendField("Berth-Request-Id", exchange.record.requestID)
        bytes.append(request.connectionField())
        bytes.append("\r\n")
        try await Relay(request: request, stallTimeout: site.timeouts.stall).write(bytes, to: request.connection.stream, .client)
    }

    /// RFC 9110 14.4: `bytes 0-0/1234`; `bytes */0` with 416, of a blob without bytes. A whole body is from one who knows no ranges.
    static func size(by head: Head) -> Int? {
        // Of another encoding than the blob's own it says the length of that.
        guard !head.isEncoded else { return nil }
        let total = head.value(of: .contentRange).flatMap { field in
            field.lastIndex(of: UInt8(ascii: "/")).flatMap { Int(String(decoding: field[($0 + 1)...], as: UTF8.self)) }
        }
        switch (head.status, head.framing) {
        case (206, _): return total
        case (416, _): return total == 0 ? 0 : nil
        case (200, .length(let whole)): return whole
        case (200, .none): return 0
        default: return nil
        }
    }
}
