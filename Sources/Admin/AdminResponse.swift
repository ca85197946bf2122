import FoundationEssentials
import HTTPServer

/// A response of the admin listener, before it is sent.
struct AdminResponse {
    var status = 200
    var type = "text/plain; charset=utf-8"
    var fields: [(String, String)] = []
    var body: [UInt8]

    /// Sent with every response. The page may load its own files and nothing else, has no inline script or style, and its script cannot turn text
    /// into HTML: names of users and repositories come from clients.
    static let safety = [
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        (
            "Content-Security-Policy",
            """
            default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
            frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'
            """
        ),
    ]

    static func text(_ text: String, status: Int = 200) -> AdminResponse { AdminResponse(status: status, body: Array(text.utf8)) }

    static func json(_ value: some Encodable, status: Int = 200) -> AdminResponse {
        AdminResponse(status: status, type: "application/json", body: encode(value, .prettyPrinted) + [10])
    }

    static func message(_ message: String, status: Int = 200, fields: [(String, String)] = []) -> AdminResponse {
        var response = json(["message": message], status: status)
        response.fields = fields
        return response
    }

    /// Times have whole seconds.
    static func encode(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting = []) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.dateEncodingStrategy = .iso8601
        // Encoding texts, numbers, flags and times does not fail.
        return (try? encoder.encode(value)).map { Array($0) } ?? Array("{}".utf8)
    }

    func send(to request: Request) async throws {
        let cache = fields.contains { $0.0 == "Cache-Control" } ? [] : [("Cache-Control", "no-store")]
        try await request.respond(status, fields: [("Content-Type", type)] + cache + Self.safety + fields, body: body)
    }
}
