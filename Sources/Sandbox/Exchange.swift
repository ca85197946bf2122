import FoundationEssentials
import HTTP
import HTTPServer
import Transport

/// A fault has ended the exchange: there is nothing left to answer.
struct FaultStruck: Error {}

/// One request to the sandbox and its answer. Every byte of their bodies passes here, so this is where faults strike.
final class Exchange {
    let request: Request
    let method: Method
    /// As sent, percent-encoded.
    let path: String
    /// As sent.
    let rawQuery: String?
    private(set) var status = 0
    /// What the request was for, for the counters and the log.
    var kind = "other"

    private let clock: Clock
    private let loop: EventLoop
    private var fault: Fault?
    private var moved = 0

    init(_ request: Request, fault: Fault?, clock: Clock, loop: EventLoop) {
        self.request = request
        (method, path, rawQuery) = (request.method, request.path, request.query)
        (self.fault, self.clock, self.loop) = (fault, clock, loop)
    }

    /// The values of the query, decoded once.
    lazy var query: [String: String] = Dictionary(
        PercentEncoding.pairs(of: rawQuery ?? "").map { (PercentEncoding.decode($0), PercentEncoding.decode($1)) },
        uniquingKeysWith: { first, _ in first })

    func field(_ name: String) -> String? { request.field(name) }

    // MARK: The request's body

    /// Pieces of an upload: large enough for the disk, small enough to hold hundreds.
    static let pieceBytes = 256 << 10

    /// The next piece of the body; empty at its end.
    func read() async throws -> [UInt8] {
        let piece = try await request.read(upTo: Self.pieceBytes)
        if let fault, fault.kind == .reset || fault.kind == .stall, moved + piece.count > fault.afterBytes ?? 0, !piece.isEmpty {
            try await strike(fault)
        }
        moved += piece.count
        return piece
    }

    /// The whole body; nil when it is longer than `limit`.
    func collect(upTo limit: Int) async throws -> [UInt8]? {
        var all: [UInt8] = []
        while case let piece = try await read(), !piece.isEmpty {
            guard all.count + piece.count <= limit else { return nil }
            all += piece
        }
        moved = 0
        return all
    }

    // MARK: The answer

    func respond(_ status: Int, fields: [(String, String)] = [], body: [UInt8] = []) async throws {
        try await begin(status, fields: fields, length: body.count)
        try await send(body)
        try await request.end()
    }

    func begin(_ status: Int, fields: [(String, String)], length: Int) async throws {
        self.status = status
        moved = 0
        try await request.begin(status, fields: [("Date", Moment.http(clock.seconds))] + fields, length: length)
    }

    func send(_ piece: [UInt8]) async throws {
        guard method != .head, let fault, !piece.isEmpty, case let at = (fault.afterBytes ?? 0) - moved, at < piece.count, at >= 0
        else {
            moved += piece.count
            return try await request.send(piece)
        }
        moved += piece.count
        if fault.kind == .corrupt {
            self.fault = nil
            var piece = piece
            piece[at] ^= 0x55
            return try await request.send(piece)
        }
        try await request.send(Array(piece[..<at]))
        try await strike(fault)
        try await request.send(Array(piece[at...]))
    }

    func end() async throws { try await request.end() }

    /// Drops the connection without an answer.
    func drop() throws -> Never {
        request.abort()
        throw FaultStruck()
    }

    /// JSON as ECR sends it.
    func respond(
        _ status: Int, type: String = "application/json; charset=utf-8", fields: [(String, String)] = [], json: some Encodable
    ) async throws {
        try await respond(status, fields: [("Content-Type", type)] + fields, body: JSON.bytes(of: json))
    }

    // MARK: Faults

    /// What happens before anything is answered. The status to answer, when the fault is that.
    func strikeAtOnce() async throws -> Int? {
        guard let fault else { return nil }
        switch fault.kind {
        case .status:
            self.fault = nil
            return fault.status ?? 500
        case .reset, .stall: if fault.afterBytes == nil { try await strike(fault) }
        case .truncate, .corrupt: break
        }
        return nil
    }

    private func strike(_ fault: Fault) async throws {
        self.fault = nil
        switch fault.kind {
        case .reset: try drop()
        case .truncate:
            request.closeAfterResponse()
            throw FaultStruck()
        case .stall: await loop.sleep(for: .seconds(fault.seconds ?? Fault.longStall))
        case .status, .corrupt: break
        }
    }
}

enum JSON {
    static func bytes(of value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return Array(try encoder.encode(value))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
