import HTTP

/// Which bytes of a blob that is held a request gets: what its conditions and its range say (RFC 9110 13, 14), as S3 reads them. A pure value.
enum ContentSelection: Equatable {
    case whole
    /// 206. Offsets; not empty.
    case part(Range<Int>)
    /// 304
    case notModified
    /// 412
    case preconditionFailed
    /// 416
    case unsatisfiable

    /// What a request asks for before the size is known. nil: the whole, without a condition, as almost every request does.
    struct Wish: Equatable {
        /// `bytes=0-99`, `bytes=100-`, `bytes=-100`; nil: no range, several, or none that can be read: the whole is sent.
        var range: RequestedRange?
        var ifMatch: String?
        var ifNoneMatch: String?
        var ifRange: String?

        init?(_ head: Head) {
            let hasCondition = head.fields.contains { $0.name == .other && head.isNamed($0, anyOf: FieldNames.conditions) }
            guard head.has(.range) || hasCondition else { return nil }
            // Two ranges are as good as several in one.
            range = head.count(of: .range) == 1 ? head.value(of: .range).flatMap { RequestedRange($0) } : nil
            guard hasCondition else { return }
            (ifMatch, ifNoneMatch, ifRange) = (head.string("if-match"), head.string("if-none-match"), head.string("if-range"))
        }
    }

    /// - Parameters:
    ///   - wish: nil: the whole.
    ///   - size: of the content, in bytes.
    ///   - tag: its entity tag, with the quotes; made only for a request that wishes something. Dates are not known of a content, so conditions on
    ///     them do not count (RFC 9110 13.1.3).
    init(_ wish: Wish?, size: Int, tag: @autoclosure () -> String) {
        guard let wish else {
            self = .whole
            return
        }
        let tag = tag()
        if let tags = wish.ifMatch, !Self.matches(tags, tag, isWeak: false) {
            self = .preconditionFailed
        } else if let tags = wish.ifNoneMatch, Self.matches(tags, tag, isWeak: true) {
            self = .notModified
        } else if let range = wish.range, wish.ifRange == nil || wish.ifRange == tag {
            self = range.offsets(in: size).map { .part($0) } ?? .unsatisfiable
        } else {
            self = .whole
        }
    }

    /// Whether a list of entity tags has this one.
    /// - Parameter isWeak: tags that are marked as weak count too.
    private static func matches(_ list: String, _ tag: String, isWeak: Bool) -> Bool {
        list.split(separator: ",").contains { item in
            let item = item.trimmingBlanks
            if item == "*" || item == tag { return true }
            return isWeak && item.hasPrefix("W/") && item.dropFirst(2) == tag
        }
    }
}

/// A range of bytes as a request names it (RFC 9110 14.1.2).
enum RequestedRange: Equatable {
    case from(Int, to: Int)
    case fromOn(Int)
    case last(Int)

    /// nil: not one range of bytes.
    init?(_ field: ArraySlice<UInt8>) {
        let text = String(decoding: field, as: UTF8.self)
        guard let found = text.wholeMatch(of: /(?i:bytes)=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*/) else { return nil }
        switch (Int(found.1), Int(found.2)) {
        case (let first?, let last?) where first <= last: self = .from(first, to: last)
        case (let first?, nil): self = .fromOn(first)
        case (nil, let count?): self = .last(count)
        default: return nil
        }
    }

    /// The offsets in a content of `size` bytes; nil: it has none of them.
    func offsets(in size: Int) -> Range<Int>? {
        let start: Int, end: Int
        switch self {
        case .from(let first, let last): (start, end) = (first, min(last, size - 1) + 1)
        case .fromOn(let first): (start, end) = (first, size)
        case .last(let count): (start, end) = (max(0, size - count), size)
        }
        return start < end ? start..<end : nil
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var rest = self
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }
}
