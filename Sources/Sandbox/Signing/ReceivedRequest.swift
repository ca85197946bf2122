import HTTP
import HTTPServer

/// The parts of a request that a signature covers (ECR 5), as they were received.
struct ReceivedRequest {
    var method: String
    /// As sent, percent-encoded.
    var path: String
    var query: String = ""
    /// In the order in which they were received; names in any case.
    var fields: [(name: String, value: String)]

    init(method: String, path: String, query: String = "", fields: [(name: String, value: String)]) {
        (self.method, self.path, self.query, self.fields) = (method, path, query, fields)
    }

    init(_ exchange: Exchange) {
        let head = exchange.request.head
        self.init(
            method: "\(exchange.method.token)", path: exchange.path, query: exchange.rawQuery ?? "",
            fields: head.fields.map {
                (
                    String(decoding: head.bytes[$0.nameRange], as: UTF8.self),
                    String(decoding: head.bytes[$0.valueRange], as: UTF8.self)
                )
            })
    }

    func values(_ name: String) -> [String] { fields.filter { $0.name.lowercased() == name }.map(\.value) }
    func value(_ name: String) -> String? { values(name).first }

    /// - Parameters:
    ///   - signed: names of the signed fields, as the signature lists them.
    ///   - payload: hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    ///   - isObjectStore: S3 takes the path as it is, encoded once. Other services normalise it and encode it again.
    func canonical(signed: [String], payload: String, isObjectStore: Bool) -> String {
        let pairs = QueryPairs.split(query)
            .map { (PercentEncoding.encode(PercentEncoding.decode($0)), PercentEncoding.encode(PercentEncoding.decode($1))) }
            .filter { $0.0 != "X-Amz-Signature" }
            .sorted {
                $0.0 == $1.0 ? $0.1.utf8.lexicographicallyPrecedes($1.1.utf8) : $0.0.utf8.lexicographicallyPrecedes($1.0.utf8)
            }
        let lines = signed.map { name in
            let values = values(name).map { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ") }
            return "\(name):\(values.joined(separator: ","))\n"
        }
        return [
            method, isObjectStore ? storedPath : normalisedPath, pairs.map { "\($0)=\($1)" }.joined(separator: "&"), lines.joined(),
            signed.joined(separator: ";"), payload,
        ].joined(separator: "\n")
    }

    private var storedPath: String {
        path.split(separator: "/", omittingEmptySubsequences: false).map {
            PercentEncoding.encode(PercentEncoding.decode(String($0)))
        }
        .joined(separator: "/")
    }

    /// Without dot segments and empty ones, encoded once more.
    private var normalisedPath: String {
        var kept: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." { kept = kept.dropLast() } else { kept.append(segment) }
        }
        let tail = path.hasSuffix("/") && !kept.isEmpty ? "/" : ""
        return PercentEncoding.encode("/" + kept.joined(separator: "/") + tail, keepingSlashes: true)
    }
}
