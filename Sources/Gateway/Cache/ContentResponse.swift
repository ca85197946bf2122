import Cache
import HTTP
import HTTPServer
import Registry
import Transport

/// Serves contents of the cache to one request.
struct ContentResponse {
    let cache: CacheAccess
    let writer: ResponseWriter
    private let growth: GrowthWait

    /// Bytes that a download may be away from the range asked for: past it, the range is fetched by itself.
    private static let maxAhead = 1 << 20

    /// Bytes of a small content that leave with the head, and of each piece after it.
    private static let maxWithHead = 16 << 10, piece = 64 << 10

    /// A content that can be sent, and what of it.
    struct Prepared {
        let content: CachedContent
        let selection: ContentSelection
        /// Bytes of the content.
        let size: Int
        /// Offsets to be sent; empty: the response has no body.
        let range: Range<Int>
        /// nil: in `memory`, or nothing is to be sent.
        fileprivate let file: ContentFile?
        fileprivate let memory: [UInt8]?
    }

    init(_ cache: CacheAccess, _ writer: ResponseWriter) {
        (self.cache, self.writer) = (cache, writer)
        growth = GrowthWait(writer.client.request.connection)
    }

    private var isHead: Bool { writer.client.request.method == .head }

    /// Waits until a download has begun, whose registry may not respond.
    /// - Returns: false: it has not within this time.
    /// - Throws: the client has gone.
    func awaitBegin(of content: CachedContent, within time: Duration) async throws -> Bool {
        try await growth.wait(for: content, beyond: -1, within: time).phase != .announced
    }

    /// Waits until the first bytes can be sent.
    /// - Parameter wish: nil: the whole.
    /// - Returns: nil: the content turned out to be none, or its bytes are still far away: the upstream is to be asked.
    /// - Throws: the client has gone, or `ErrorResponse` where the content does not meet the request's condition or has not the range.
    func prepare(_ content: CachedContent, _ wish: ContentSelection.Wish?) async throws -> Prepared? {
        var progress = content.progress
        while progress.phase == .announced { progress = try await growth.wait(for: content, beyond: -1) }
        guard progress.isUsable else { return nil }
        let size = progress.size
        let selection = ContentSelection(wish, size: size, tag: ContentHead.tag(of: content.digest))
        let range = try Self.range(selection, size: size)
        let isReady = isHead || range.isEmpty
        if !isReady, content.isFill, progress.phase == .growing, range.lowerBound > progress.available + Self.maxAhead {
            return nil
        }
        while !isReady, progress.phase == .growing, progress.available <= range.lowerBound {
            progress = try await growth.wait(for: content, beyond: range.lowerBound)
        }
        guard progress.isUsable else { return nil }
        var (memory, file) = isReady ? (nil, nil) : content.place
        if !isReady, memory == nil, file == nil {
            file = await cache.store.file(of: content)
            guard file != nil else { return nil }
        }
        return Prepared(content: content, selection: selection, size: size, range: range, file: file, memory: memory)
    }

    private static func range(_ selection: ContentSelection, size: Int) throws(ErrorResponse) -> Range<Int> {
        switch selection {
        case .whole: 0..<size
        case .part(let range): range
        case .notModified: 0..<0
        case .preconditionFailed:
            throw ErrorResponse(.unsupported, "The blob does not meet the request's condition.", status: 412)
        case .unsatisfiable: throw RangeNotSatisfiable.blob("bytes */\(size)")
        }
    }

    /// Sends the response.
    /// - Throws: `ConnectionFailure`: of the upstream, where the content breaks off and its rest is to be had from there.
    func send(_ prepared: Prepared, as result: CacheResult) async throws {
        writer.record.cache = result
        let head = ContentHead(
            digest: prepared.content.digest, mediaType: prepared.content.mediaType, isStale: result == .stale)
        do {
            let sender = prepared.file.map {
                ContentSender(content: prepared.content, file: $0, store: cache.store, writer: writer, growth: growth)
            }
            let (first, rest) = try begin(prepared, head, sender)
            if let rest { try await writer.client.write(rest) }
            let left = (prepared.range.lowerBound + first)..<prepared.range.upperBound
            guard !isHead, !left.isEmpty else { return }
            if let sender { try await sender.send(left) } else if let memory = prepared.memory { try await send(memory, left) }
        } catch ContentSender.Failure.broken {
            throw ConnectionFailure(.upstream, .closed, call: "read", reason: "the content in the cache broke off")
        } catch ContentSender.Failure.corrupt {
            writer.record.reason = "the content in the cache is not that of its digest, or could not be checked"
            writer.record.end = "cache_corrupt"
            writer.client.request.abort()
        }
    }

    /// - Returns: bytes of the body that left with the head, and what the socket has not taken of both.
    private func begin(_ prepared: Prepared, _ head: ContentHead, _ sender: ContentSender?) throws -> (Int, [UInt8]?) {
        let status = ContentHead.status(prepared.selection)
        let part: (range: Range<Int>, size: Int)? =
            if case .part(let range) = prepared.selection { (range, prepared.size) } else { nil }
        let length = status == 304 ? nil : prepared.range.count
        func begin(_ first: UnsafeRawBufferPointer) throws -> (Int, [UInt8]?) {
            (first.count, try writer.begin(status, length: length, first: first) { head.write(part: part, to: $0) })
        }
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        if isHead { return try begin(none) }
        if let memory = prepared.memory {
            let first = prepared.range.prefix(Self.maxWithHead)
            return try memory.withUnsafeBytes { try begin(UnsafeRawBufferPointer(rebasing: $0[first])) }
        }
        return try begin(sender?.ready(prepared.range) ?? none)
    }

    /// In pieces, so that no more than one is copied for a client that is slow.
    private func send(_ memory: [UInt8], _ range: Range<Int>) async throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let piece = offset..<min(offset + Self.piece, range.upperBound)
            let taken = try memory.withUnsafeBytes { try writer.client.tryWrite(UnsafeRawBufferPointer(rebasing: $0[piece])) }
            if taken < piece.count || writer.client.stream.hasUnsent {
                try await writer.client.write([UInt8](memory[(offset + taken)..<piece.upperBound]))
            }
            offset = piece.upperBound
        }
    }

    /// Responds to HEAD of a blob, or of a manifest.
    /// - Parameter accepted: the media types that the client takes; nil: any.
    /// - Returns: nil: the content is not held, or of another type, or the registry has not said lately that the repository has it.
    func sendHead(
        of digest: Digest, _ wish: ContentSelection.Wish?, isBlob: Bool, as result: CacheResult, accepted: Accepted? = nil
    )
        async throws -> CachedHead?
    {
        guard let held = cache.store.head(digest, from: cache.source), held.isConfirmed, (held.mediaType == nil) == isBlob,
            accepted?.takes(held.mediaType) != false
        else { return nil }
        // RFC 9110 14.2: a range is for GET.
        var wish = wish
        wish?.range = nil
        let selection = ContentSelection(wish, size: held.size, tag: ContentHead.tag(of: digest))
        _ = try Self.range(selection, size: held.size)
        writer.record.cache = result
        let head = ContentHead(digest: digest, mediaType: held.mediaType, isStale: result == .stale)
        let rest = try writer.begin(
            ContentHead.status(selection), length: selection == .notModified ? nil : held.size,
            first: UnsafeRawBufferPointer(start: nil, count: 0)
        ) { head.write(part: nil, to: $0) }
        if let rest { try await writer.client.write(rest) }
        return held
    }
}

extension CachedContent {
    /// What a request has found that came in this phase.
    func result(in phase: Phase) -> CacheResult { isFill && phase != .whole ? .shared : .hit }
}

extension CachedContent.Progress {
    /// Something can be sent.
    fileprivate var isUsable: Bool { phase == .growing || phase == .whole }
}
