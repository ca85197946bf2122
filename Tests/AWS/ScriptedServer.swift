import Foundation
import Glibc
import Synchronization
import Testing
import Transport

/// An HTTP server on a loopback port whose responses come from a closure. One request per connection.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method = "", target = ""
        var fields: [String: String] = [:]
        var body = ""
    }
    struct Response: Sendable {
        var status = 200
        var fields: [String: String] = [:]
        var body = ""
        /// The connection is closed without a response.
        static let hangUp = Response(status: 0)
        static func json(_ body: String, status: Int = 200) -> Response {
            Response(status: status, fields: ["Content-Type": "application/x-amz-json-1.1"], body: body)
        }
    }

    let port: Int
    private let listener: Int32
    private let seen = Mutex<[Request]>([])
    var requests: [Request] { seen.withLock { $0 } }
    var url: HTTPClientURL { HTTPClientURL(scheme: .http, host: "127.0.0.1", port: port) }

    init(_ response: @escaping @Sendable (Request) -> Response) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 128) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        try #require(isBound)
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        let thread = Thread { [weak self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                if let request = Self.read(connection) {
                    self?.seen.withLock { $0.append(request) }
                    Self.write(response(request), to: connection)
                }
                close(connection)
            }
        }
        thread.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func read(_ connection: Int32) -> Request? {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            text += String(decoding: buffer[..<count], as: UTF8.self)
            guard let end = text.firstRange(of: "\r\n\r\n") else { continue }
            var request = Request()
            let lines = text[..<end.lowerBound].split(separator: "\r\n")
            let words = lines[0].split(separator: " ")
            (request.method, request.target) = (String(words[0]), String(words[1]))
            for line in lines.dropFirst() {
                let halves = line.split(separator: ":", maxSplits: 1)
                request.fields[halves[0].lowercased()] = halves.count > 1 ? halves[1].drop { $0 == " " }.description : ""
            }
            request.body = String(text[end.upperBound...])
            if request.body.utf8.count >= Int(request.fields["content-length"] ?? "0") ?? 0 { return request }
        }
    }

    private static func write(_ response: Response, to connection: Int32) {
        if response.status == 0 { return }
        let fields = response.fields.map { "\($0.key): \($0.value)\r\n" }.joined()
        let text =
            "HTTP/1.1 \(response.status) x\r\n\(fields)Content-Length: \(response.body.utf8.count)\r\nConnection: close\r\n\r\n\(response.body)"
        _ = Array(text.utf8).withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }
}
