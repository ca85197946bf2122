import Registry

/// What is written down beside a content: text of a few lines, which end with `end`, so that one that is torn is none.
struct Sidecar: Sendable, Equatable {
    /// Bytes of the content.
    var size: Int
    /// As the upstream said; nil: it did not.
    var mediaType: String?
    var confirmations: Confirmations

    /// Bytes of the text at most. More than 1,024 sources take, unless an upstream's name is very long.
    static let maxBytes = 1 << 20
    /// Bytes of a content at most, so that the sum of all cannot overflow.
    static let maxSize = 1 << 40

    var text: [UInt8] {
        var lines = "size\t\(size)\n"
        if let mediaType { lines += "type\t\(mediaType)\n" }
        for confirmation in confirmations.all {
            guard let source = confirmation.source.fields else { continue }
            lines += "from\t\(confirmation.time)\t\(source)\n"
        }
        return Array((lines + "end\n").utf8)
    }

    init(size: Int, mediaType: String?, confirmations: Confirmations) {
        (self.size, self.mediaType, self.confirmations) = (size, mediaType, confirmations)
    }

    init(_ entry: CacheIndex.Entry) {
        self.init(size: entry.size, mediaType: entry.mediaType, confirmations: entry.confirmations)
    }

    /// - Returns: nil: torn, or not written by this program.
    init?(_ text: [UInt8]) {
        guard text.last == UInt8(ascii: "\n") else { return nil }
        var lines = text.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        }
        guard lines.popLast() == ["end"], let first = lines.first, first.count == 2, first[0] == "size",
            let size = Int(first[1]), (0...Self.maxSize).contains(size)
        else { return nil }
        self.init(size: size, mediaType: nil, confirmations: Confirmations())
        for line in lines.dropFirst() {
            switch line.first {
            case "type" where line.count == 2: mediaType = line[1]
            case "from" where line.count == 5:
                guard let time = Confirmations.time(line[1]), let source = ContentSource(fields: line[2...]) else { return nil }
                confirmations.add(source, time: time)
            default: return nil
            }
        }
    }

    /// A media type as it is kept; nil: it is none that a response could bear.
    static func mediaType(_ text: String?) -> String? {
        guard let text, (1...255).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) else {
            return nil
        }
        return text
    }
}
