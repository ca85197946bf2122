import Registry
import Synchronization

/// The last known digests of tags on disk: a line for each change, so that a change is one small write. It is written anew when most of its lines
/// say nothing any more. A line that a crash has torn is ignored.
final class TagLog: Sendable {
    private let directory: CacheDirectory
    private let file: Mutex<File>

    private struct File {
        /// nil: to be opened at the next write.
        var descriptor: Int32?
        /// Bytes and lines in it.
        var length = 0, lines = 0
    }

    private static let name = "log"
    /// Bytes that are read at the start: more than twice what all tags take. A longer one was not written by this program.
    private static let maxBytes = 256 << 20
    /// Lines more than twice the tags, from which on it is written anew.
    private static let slack = 1000

    /// An empty log, until `load`.
    init(in directory: CacheDirectory) {
        self.directory = directory
        file = Mutex(File())
    }

    deinit { close() }

    /// Goes on with another file.
    private func close(_ next: File = File()) {
        let open = file.withLock { file in
            defer { file = next }
            return file.descriptor
        }
        if let open { directory.files.close(open) }
    }

    /// The tags that it tells. What is torn or unknown in it is dropped; so it is to be written anew before a line is added.
    func load() throws(FileError) -> [TagTable.Row] {
        let text: [UInt8]
        do throws(FileError) {
            text = try directory.files.contents(of: Self.name, in: directory.tags.descriptor, limit: Self.maxBytes) ?? []
        } catch  where error.isMissing || error.isOfOneFile {
            text = []
        }
        var places: [Key: TagTable.Row] = [:]
        for line in text.prefix(through: text.lastIndex(of: UInt8(ascii: "\n")) ?? -1).split(separator: UInt8(ascii: "\n")) {
            guard let (key, known) = Self.parse(line) else { continue }
            places[key] = known.map { TagTable.Row(source: key.source, tag: key.tag, known: $0) }
        }
        return Array(places.values)
    }

    /// Whether most of its lines say nothing any more.
    /// - Parameter count: tags.
    func isMostlyOld(_ count: Int) -> Bool { file.withLock { $0.lines > 2 * count + Self.slack } }

    /// Writes down what a tag leads to now; nil: it is forgotten.
    func append(_ tag: Tag, in source: ContentSource, _ known: TagTable.Known?) throws(FileError) {
        guard let line = Self.line(tag, in: source, known) else { return }
        try file.withLock { file throws(FileError) in
            if file.descriptor == nil {
                file.descriptor = try directory.files.create(Self.name, in: directory.tags.descriptor, isNew: false)
            }
            guard let descriptor = file.descriptor else { return }
            try directory.files.write(line, to: descriptor, at: file.length)
            file.length += line.count
            file.lines += 1
        }
    }

    /// Replaces the whole log.
    func rewrite(_ rows: [TagTable.Row]) throws(FileError) {
        let lines = rows.compactMap { Self.line($0.tag, in: $0.source, $0.known) }
        try directory.replace(Self.name, in: directory.tags.descriptor, with: Array(lines.joined()))
        close(File(descriptor: nil, length: lines.reduce(0) { $0 + $1.count }, lines: lines.count))
    }

    // MARK: Lines

    private struct Key: Hashable {
        let source: ContentSource
        let tag: Tag
    }

    private static func line(_ tag: Tag, in source: ContentSource, _ known: TagTable.Known?) -> [UInt8]? {
        guard let fields = source.fields else { return nil }
        let what = known.map { "\($0.time)\t\($0.digest)" } ?? "0\t-"
        return Array("\(what)\t\(fields)\t\(tag)\n".utf8)
    }

    private static func parse(_ line: ArraySlice<UInt8>) -> (Key, TagTable.Known?)? {
        let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        let texts = fields.map { String(decoding: $0, as: UTF8.self) }
        guard fields.count == 6, let time = Confirmations.time(texts[0]), let source = ContentSource(fields: texts[2..<5]),
            let tag = Tag(fields[5])
        else { return nil }
        let key = Key(source: source, tag: tag)
        if texts[1] == "-" { return (key, nil) }
        return Digest(fields[1]).map { (key, TagTable.Known(digest: $0, time: time)) }
    }
}
