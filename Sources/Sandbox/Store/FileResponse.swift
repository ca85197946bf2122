/// A file as a response's body, whole or the range that the request names.
struct FileResponse {
    let file: File
    /// In bytes.
    let size: Int

    /// Returns false when the range cannot be satisfied; no response has been sent then.
    func send(fields: [(String, String)], to exchange: Exchange) async throws -> Bool {
        switch ByteRange(exchange.field("Range"), of: size) {
        case .whole:
            try await exchange.begin(200, fields: fields, length: size)
            try await send(0..<size, to: exchange)
        case .part(let range):
            let place = ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            try await exchange.begin(206, fields: fields + [place], length: range.count)
            try await send(range, to: exchange)
        case .unsatisfiable: return false
        }
        return true
    }

    /// A piece at a time.
    private func send(_ range: Range<Int>, to exchange: Exchange) async throws {
        var at = range.lowerBound
        while at < range.upperBound {
            let piece = try file.read(at: at, count: min(Exchange.pieceBytes, range.upperBound - at))
            guard !piece.isEmpty else { try exchange.drop() }
            try await exchange.send(piece)
            at += piece.count
        }
        try await exchange.end()
    }
}
