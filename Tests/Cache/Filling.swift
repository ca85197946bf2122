import Registry

@testable import Cache

extension CacheStore {
    /// Fills a content as a download does, in pieces of a buffer, and waits until its file has its name.
    @discardableResult
    func fill(_ bytes: [UInt8], as digest: Digest? = nil, from source: ContentSource = alpha, mediaType: String? = "text/plain")
        async
        -> CachedContent.Phase?
    {
        guard case .fill(let fill) = claim(digest ?? sha256(bytes), for: source, since: removals(in: source)) else { return nil }
        guard fill.begin(size: bytes.count, mediaType: mediaType) else { return nil }
        await fill.append(bytes)
        let phase = await fill.finish()
        await settle()
        return phase
    }

    /// What a reader gets from start to end; nil: nothing is held, or it is wrong.
    func read(_ digest: Digest, from source: ContentSource = alpha) async -> [UInt8]? {
        switch open(digest, from: source) {
        case .absent: nil
        case .held(let content, _), .unconfirmed(let content): await read(content)
        }
    }

    func read(_ content: CachedContent) async -> [UInt8]? {
        var bytes: [UInt8] = []
        var progress = content.progress
        while true {
            if let memory = content.memory { return memory }
            if progress.phase == .whole, bytes.count == progress.size { return bytes }
            if progress.available > bytes.count {
                guard let file = await file(of: content) else { return nil }
                bytes += file.bytes(from: bytes.count, to: progress.available)
            } else if progress.phase.isEnd {
                return nil
            }
            progress = await content.wait(beyond: bytes.count)
        }
    }
}

extension ContentFile {
    func bytes(from start: Int, to end: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: end - start) { memory, count in
            count = (try? SystemFiles().read(descriptor, into: UnsafeMutableRawBufferPointer(memory), at: start)) ?? 0
        }
    }
}

extension Fill {
    /// Passes bytes on as a download does. Stops when the fill is abandoned.
    func append(_ bytes: [UInt8], piece: Int = FillBuffer.capacity) async {
        var rest = bytes[...]
        while !rest.isEmpty, let buffer = await buffer() {
            let next = rest.prefix(min(piece, buffer.free.count))
            buffer.free.copyBytes(from: next)
            buffer.count += next.count
            append(buffer)
            rest = rest.dropFirst(next.count)
        }
    }
}
