import FoundationEssentials
import HTTP
import HTTPServer
import Transport

/// One request to the sandbox and its response. Every byte of their bodies passes here, so this is where faults are injected.
final class Exchange {
    let request: Request
    let method: Method
    /// As sent, percent-encoded.
    let path: String
    /// As sent.
    let rawQuery: String?
    private(set) var status = 0
    /// The kind of request, for the counters.
    var kind = "other"

    private let clock: Clock
    private let loop: EventLoop
    private var fault: Fault?
    /// Bytes of the current body so far.
    private var moved = 0

    init(_ request: Request, fault: Fault?, clock: Clock, loop: EventLoop) {
        self.request = request
        (method, path, rawQuery) = (request.method, request.path, request.query)
        (self.fault, self.clock, self.loop) = (fault, clock, loop)
    }

    /// The values of the query, decoded once.
    lazy var query: [String: String] = Dictionary(
        QueryPairs.split(rawQuery ?? "").map { (PercentEncoding.decode($0), PercentEncoding.decode($1)) },
        uniquingKeysWith: { first, _ in first })

    func field(_ name: String) -> String? { request.field(name) }

    // MARK: Request body

    /// Pieces of an upload: large enough for the disk, small enough to hold hundreds.
    static let pieceBytes = 256 << 10

    /// The next piece of the body; empty at its end.
    func read() async throws -> [UInt8] {
        let piece = try await request.read(upTo: Self.pieceBytes)
        if let fault, fault.kind == .reset || fault.kind == .stall, moved + piece.count > fault.afterBytes ?? 0, !piece.isEmpty {
            try await inject(fault)
        }
        moved += piece.count
        return piece
    }

    /// The whole body; nil when it is longer than `limit` bytes.
    func collect(upTo limit: Int) async throws -> [UInt8]? {
        var all: [UInt8] = []
        while case let piece = try await read(), !piece.isEmpty {
            guard all.count + piece.count <= limit else { return nil }
            all += piece
        }
        moved = 0
        return all
    }

    // MARK: Response

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
        try await inject(fault)
        try await request.send(Array(piece[at...]))
    }

    func end() async throws { try await request.end() }

    /// Drops the connection without a response.
    func drop() throws -> Never {
        request.abort()
        throw InjectedFault()
    }

    /// JSON as ECR sends it.
    func respond(
        _ status: Int, type: String = "application/json; charset=utf-8", fields: [(String, String)] = [], json: some Encodable
    ) async throws {
        try await respond(status, fields: [("Content-Type", type)] + fields, body: JSON.bytes(of: json))
    }

    // MARK: Faults

    /// Injects a fault that comes before the response. Returns the status to respond with when the fault is of that kind.
    func injectEarlyFault() async throws -> Int? {
        guard let fault else { return nil }
        switch fault.kind {
        case .status:
            self.fault = nil
            return fault.status ?? 500
        case .reset, .stall: if fault.afterBytes == nil { try await inject(fault) }
        case .truncate, .corrupt: break
        }
        return nil
    }

    private func inject(_ fault: Fault) async throws {
        self.fault = nil
        switch fault.kind {
        case .reset: try drop()
        case .truncate:
            request.closeAfterResponse()
            throw InjectedFault()
        case .stall: await loop.sleep(for: .seconds(fault.seconds ?? Fault.defaultStallSeconds))
        case .status, .corrupt: break
        }
    }
}
