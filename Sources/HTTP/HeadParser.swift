import Glibc

/// Parses the bytes of a whole head and fills in the rest of it. Whatever two parsers could read differently is an error (RFC 9112).
struct HeadParser {
    private let head: Head
    private let all: UnsafeRawBufferPointer

    /// Names that the `Connection` fields may list: each is looked for among all fields. `close`, `keep-alive`, `te` and `upgrade` are common.
    private static let maxOptions = 64

    /// - Parameter head: emptied but for its `bytes`, which end with the empty line.
    static func parse(_ head: Head, as kind: Head.Kind, maxFields: Int) throws(HeadError) {
        let failure = head.bytes.withUnsafeBytes { all -> HeadError? in
            do throws(HeadError) {
                let parser = HeadParser(head: head, all: all)
                let fieldsStart: Int
                switch kind {
                case .request: fieldsStart = try parser.parseRequestLine()
                case .response: fieldsStart = try parser.parseStatusLine()
                }
                try parser.parseFields(from: fieldsStart, maxFields: maxFields)
                try parser.interpretFields(as: kind)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    // MARK: The start line

    /// RFC 9112 3: `METHOD SP target SP HTTP/1.x CRLF`, single spaces, visible ASCII. Returns where the fields begin.
    private func parseRequestLine() throws(HeadError) -> Int {
        let lineEnd = endOfLine(from: 0)
        var at = 0
        while at < lineEnd, isTokenCharacter(all[at]) { at += 1 }
        guard at > 0, at < lineEnd, all[at] == 32 else { throw .badRequestLine }
        head.method = Method(UnsafeRawBufferPointer(rebasing: all[0..<at]))
        let targetStart = at + 1
        at = firstInvisible(all, from: targetStart)
        guard at > targetStart, at < lineEnd, all[at] == 32 else { throw .badRequestLine }
        head.targetRange = targetStart..<at
        let version = UnsafeRawBufferPointer(rebasing: all[(at + 1)..<lineEnd])
        if equal(version, "HTTP/1.1") {
            head.isVersion11 = true
        } else if equal(version, "HTTP/1.0") {
            head.isVersion11 = false
        } else if equal(.init(rebasing: version.prefix(5)), "HTTP/") {
            throw .unsupportedVersion
        } else {
            throw .badRequestLine
        }
        let first = all[targetStart]
        if first != UInt8(ascii: "/"), first != UInt8(ascii: "*") || head.method != .options { try parseAbsoluteForm() }
        return lineEnd + 2
    }

    /// RFC 9112 3.2.2: `http://HOST/path`, as a client sends it that takes this server for its proxy. The target becomes the path alone. Whether
    /// the authority is the one of `Host` is checked once that is known.
    private func parseAbsoluteForm() throws(HeadError) {
        let range = head.targetRange
        let target = UnsafeRawBufferPointer(rebasing: all[range])
        let schemes: [StaticString] = ["http://", "https://"]
        let scheme = schemes.first { equalIgnoringCase(.init(rebasing: target.prefix($0.utf8CodeUnitCount)), $0) }
        // CONNECT is `other`.
        guard let scheme, head.method != .other else { throw .badRequestLine }
        let start = range.lowerBound + scheme.utf8CodeUnitCount
        var end = start
        while end < range.upperBound, all[end] != UInt8(ascii: "/") { end += 1 }
        head.authorityRange = start..<end
        guard Authority(all, start..<end) != nil else { throw .badRequestLine }
        // RFC 9110 4.2.3: an empty path means `/`, for which the scheme's second slash is used.
        head.targetRange = end == range.upperBound ? (start - 1)..<start : end..<range.upperBound
    }

    /// RFC 9112 4: `HTTP/1.x SP 3DIGIT [SP reason] CRLF`. Returns where the fields begin.
    private func parseStatusLine() throws(HeadError) -> Int {
        let lineEnd = endOfLine(from: 0)
        let line = UnsafeRawBufferPointer(rebasing: all[0..<lineEnd])
        guard line.count >= 12, equal(.init(rebasing: line[0..<7]), "HTTP/1."), line[7] == 48 || line[7] == 49, line[8] == 32,
            line.count == 12 || line[12] == 32
        else { throw .badStatusLine }
        head.isVersion11 = line[7] == 49
        var status = 0
        for index in 9..<12 {
            guard line[index] &- 48 < 10 else { throw .badStatusLine }
            status = status * 10 + Int(line[index] - 48)
        }
        guard (100...599).contains(status) else { throw .badStatusLine }
        head.status = status
        return lineEnd + 2
    }

    // MARK: The fields

    private func parseFields(from start: Int, maxFields: Int) throws(HeadError) {
        var start = start
        // One pass: a line ends at its first control character, which must be the CRLF. The reader has made sure that the empty line comes.
        while !isLineEnd(start) {
            guard head.fields.count < maxFields else { throw .tooManyFields }
            guard let (name, nameEnd) = fieldName(all, from: start) else { throw .badFieldLine }
            let end = firstControl(all, from: nameEnd + 1)
            guard isLineEnd(end) else { throw .badFieldLine }
            let value = trimmed(all, (nameEnd + 1)..<end)
            head.append(
                Head.Field(
                    name: name, start: Int32(truncatingIfNeeded: start), nameEnd: Int32(truncatingIfNeeded: nameEnd),
                    valueStart: Int32(truncatingIfNeeded: value.lowerBound), valueEnd: Int32(truncatingIfNeeded: value.upperBound),
                    end: Int32(truncatingIfNeeded: end + 2)))
            start = end + 2
        }
    }

    private func isLineEnd(_ at: Int) -> Bool { at + 1 < all.count && all[at] == 13 && all[at + 1] == 10 }

    /// What the fields mean together: framing, persistence, host, expectation.
    private func interpretFields(as kind: Head.Kind) throws(HeadError) {
        var length: Int?
        var isChunked = false, closes = false, keeps = false
        var hosts = 0, options = 0
        var isForHost = head.authorityRange.isEmpty
        for field in head.fields where field.name != .other {
            switch field.name {
            case .contentLength:
                // Twice is refused even when equal: different parsers read a list of lengths differently.
                guard length == nil, let value = decimal(all, field.valueRange) else { throw .badContentLength }
                length = value
            case .transferEncoding:
                let value = UnsafeRawBufferPointer(rebasing: all[field.valueRange])
                guard !isChunked, head.isVersion11, equalIgnoringCase(value, "chunked") else { throw .unsupportedTransferEncoding }
                isChunked = true
            case .connection:
                _ = forEachListed(all, field.valueRange) { token in
                    if equalIgnoringCase(token, "close") {
                        closes = true
                    } else if equalIgnoringCase(token, "keep-alive") {
                        keeps = true
                    } else {
                        head.connectionListsNames = true
                    }
                    options += 1
                    return options > Self.maxOptions
                }
                guard options <= Self.maxOptions else { throw .tooManyOptions }
            case .host:
                hosts += 1
                guard Authority(all, field.valueRange) != nil else { throw .badHost }
                isForHost = isForHost || targetNames(field.valueRange)
            case .expect:
                guard equalIgnoringCase(UnsafeRawBufferPointer(rebasing: all[field.valueRange]), "100-continue") else {
                    throw .unsupportedExpectation
                }
                head.expectsContinue = head.isVersion11
            default: break
            }
        }
        guard length == nil || !isChunked else { throw .conflictingFraming }
        head.keepsAlive = !closes && (head.isVersion11 || keeps)
        head.framing = isChunked ? .chunked : length.map { $0 == 0 ? .none : .length($0) } ?? .none
        switch kind {
        case .request:
            guard hosts == 1 || (hosts == 0 && !head.isVersion11) else { throw .badHost }
            guard isForHost else { throw .foreignTarget }
        case .response(let toHead):
            if toHead || head.status < 200 || head.status == 204 || head.status == 304 {
                head.framing = .none
            } else if length == nil && !isChunked {
                head.framing = .untilClose
                head.keepsAlive = false
            }
        }
    }

    /// The authority of a target in absolute form is the one of the `Host` field. Without a port, the scheme's port counts.
    private func targetNames(_ host: Range<Int>) -> Bool {
        guard let target = Authority(all, head.authorityRange), let host = Authority(all, host) else { return false }
        // `https://`: its s is four bytes before the authority.
        let schemePort: UInt16 = lower(all[head.authorityRange.lowerBound - 4]) == UInt8(ascii: "s") ? 443 : 80
        return (target.port ?? schemePort) == (host.port ?? schemePort) && target.name.count == host.name.count
            && zip(all[target.name], all[host.name]).allSatisfy { lower($0) == lower($1) }
    }

    /// The offset of the CRLF that ends the line. Every head ends with one, which the reader has made sure of.
    private func endOfLine(from start: Int) -> Int {
        guard start < all.count, let base = all.baseAddress, let found = memchr(base + start, 10, all.count - start) else {
            return all.count
        }
        return base.distance(to: UnsafeRawPointer(found)) - 1
    }
}

/// RFC 9110 8.6: digits only. 18 of them hold any length there is and cannot overflow.
private func decimal(_ all: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    guard !range.isEmpty, range.count <= 18 else { return nil }
    var value = 0
    for index in range {
        guard all[index] &- 48 < 10 else { return nil }
        value = value * 10 + Int(all[index] - 48)
    }
    return value
}
