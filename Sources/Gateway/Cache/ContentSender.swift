import Cache
import HTTPServer
import Transport

/// Sends a content of the cache to the client: its bytes go from the kernel's memory to the socket, and the loop never waits for the disk.
struct ContentSender {
    let content: CachedContent
    let file: ContentFile
    let store: CacheStore
    let writer: ResponseWriter
    let growth: GrowthWait

    private var client: ClientSide { writer.client }
    private var loop: EventLoop { client.stream.loop }

    enum Failure: Error {
        /// No more comes: what the client has is right, and the rest is to be had from the upstream.
        case broken
        /// What the client has may be wrong.
        case corrupt
    }

    /// Bytes that are looked up in the kernel's memory at once, and that one call sends: as many as a socket takes, half a millisecond. A quarter of it
    /// costs a fifth more.
    private static let window = 4 << 20
    /// Bytes that a disk's thread reads before the first of them is sent.
    private static let load = 1 << 20
    /// Nanoseconds of a client, after which the kernel's memory is looked at again.
    private static let longWait = 1_000_000_000
    /// Bytes that pass through this process at once: with TLS as many records as are sealed at once.
    private static let readPiece = 64 << 10
    /// Bytes read for a receiver that has less room, although the kernel calls it writable.
    private static let slowRead = 16 << 10

    /// Sends bytes of the content, as they become available.
    /// - Throws: the client's failure, or `Failure`.
    func send(_ range: Range<Int>) async throws {
        if client.stream.isTLS || !file.isLocal { try await sendRead(range) } else { try await sendFile(range) }
    }

    /// The first bytes of a small part that are there already, so that they leave with the head: appended to the output.
    func ready(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        let none = UnsafeRawBufferPointer(rebasing: client.scratch.prefix(0))
        guard range.count <= Self.slowRead, case let progress = content.progress, progress.available >= range.upperBound,
            progress.phase == .whole || content.isFill
        else { return none }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: client.scratch.prefix(range.count))
        guard PageCache.tryRead(file.descriptor, at: range.lowerBound, into: buffer) == range.count else { return none }
        return UnsafeRawBufferPointer(buffer)
    }

    private func sendFile(_ range: Range<Int>) async throws {
        // How far the file is in the kernel's memory, as far as is known.
        var (offset, loaded, size) = (range.lowerBound, range.lowerBound, range.count)
        // Nothing is held back of what grows.
        let isWhole = content.progress.phase == .whole
        FileSending.begin(on: client.stream, wholeSegments: isWhole)
        defer { FileSending.end(on: client.stream) }
        while offset < range.upperBound {
            if loop.isTurnOver { await loop.nextTurn() }
            let available = isWhole ? range.upperBound : try await available(beyond: offset, upTo: range.upperBound)
            if loaded <= offset {
                let window = offset..<min(available, offset + Self.window)
                loaded = PageCache.end(of: window, in: file.descriptor, isBeingRead: file.isBeingRead)
                if loaded <= offset {
                    loaded = min(window.upperBound, offset + Self.load)
                    try await load(offset..<loaded, before: available)
                }
            }
            let wanted = min(loaded, available) - offset
            guard let sent = try client.trySendFile(file.descriptor, at: offset, count: wanted) else { throw gone() }
            offset += sent
            size -= sent
            writer.advance(remaining: size)
            guard sent < wanted else { continue }
            let begun = BootClock.now
            try await client.waitUntilWritable()
            // It may have left the memory meanwhile.
            if BootClock.now - begun > Self.longWait { loaded = offset }
        }
    }

    /// For TLS, and for files of which only the disk's threads may ask.
    private func sendRead(_ range: Range<Int>) async throws {
        var offset = range.lowerBound, room = 0
        while offset < range.upperBound {
            if loop.isTurnOver { await loop.nextTurn() }
            let available = try await available(beyond: offset, upTo: range.upperBound)
            if room < Self.readPiece {
                // Nothing is held for a client that does not read.
                let buffer = client.stream.sendBuffer
                room = buffer.room
                if room < Self.slowRead, !buffer.isWritable {
                    try await client.waitUntilWritable()
                    continue
                }
            }
            let wanted = min(available - offset, Self.readPiece, max(room, Self.slowRead))
            let buffer = UnsafeMutableRawBufferPointer(rebasing: client.scratch.prefix(wanted))
            guard let count = PageCache.tryRead(file.descriptor, at: offset, into: buffer) else {
                try await client.write(try await read(offset..<(offset + wanted), before: available))
                room -= wanted
                offset += wanted
                writer.advance(remaining: range.upperBound - offset)
                continue
            }
            guard count > 0 else { throw gone() }
            // No await since the read: the scratch buffer is the loop's.
            let taken = try client.tryWrite(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
            if taken < count || client.stream.hasUnsent {
                try await client.write([UInt8](UnsafeRawBufferPointer(rebasing: buffer[taken..<count])))
            }
            room -= count
            offset += count
            writer.advance(remaining: range.upperBound - offset)
        }
    }

    /// Offset up to which bytes are available: more than `offset`.
    private func available(beyond offset: Int, upTo end: Int) async throws -> Int {
        // Of a file that is being checked, the last byte of a part too waits until it is known to be right. Those of a download are the upstream's.
        let open = content.isFill ? end : end - 1
        var progress = content.progress
        while progress.phase == .growing, min(progress.available, open) <= offset {
            progress = try await growth.wait(for: content, beyond: open <= offset ? .max : offset)
        }
        // Before the bytes: those of a broken content are right, those of a corrupt one may not be.
        if progress.phase == .corrupt { throw Failure.corrupt }
        guard progress.available > offset else { throw Failure.broken }
        return min(progress.available, progress.phase == .growing ? open : end)
    }

    /// Has a disk's thread read a part into the kernel's memory, and on behind it.
    private func load(_ range: Range<Int>, before end: Int) async throws {
        let file = file
        guard let isLoaded = await store.read({ file.load(range, before: end) }) else { throw failure }
        guard isLoaded else { throw gone() }
    }

    /// Has a disk's thread read a part, and on behind it into the kernel's memory.
    private func read(_ range: Range<Int>, before end: Int) async throws -> [UInt8] {
        let file = file
        guard let answer = await store.read({ file.read(range, before: end) }) else { throw failure }
        guard let bytes = answer else { throw gone() }
        return bytes
    }

    /// The file cannot be read.
    private func gone() -> Failure {
        store.drop(content)
        return failure
    }

    /// No more comes. What was sent of a file whose check has not ended may be wrong.
    private var failure: Failure { content.isFill || content.progress.phase == .whole ? .broken : .corrupt }
}
