import Glibc

extension Head {
    package enum Kind: Sendable {
        case request
        /// `toHead`: to a HEAD request, whose answer has no body whatever it says (RFC 9112 6.3).
        case response(toHead: Bool)
    }

    /// Parses `bytes`, a whole head.
    func parse(as kind: Kind, maxFields: Int) throws(HeadError) {
        let failure = bytes.withUnsafeBytes { all -> HeadError? in
            do throws(HeadError) {
                let fieldsStart: Int
                switch kind {
                case .request: fieldsStart = try parseRequestLine(all)
                case .response: fieldsStart = try parseStatusLine(all)
                }
                try parseFields(all, from: fieldsStart, atMost: maxFields)
                try settle(all, as: kind)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    /// RFC 9112 3: `METHOD SP target SP HTTP/1.x CRLF`, single spaces, visible ASCII.
    private func parseRequestLine(_ all: UnsafeRawBufferPointer) throws(HeadError) -> Int {
        let lineEnd = endOfLine(all, from: 0)
        var at = 0
        while at < lineEnd, isTokenCharacter(all[at]) { at += 1 }
        guard at > 0, at < lineEnd, all[at] == 32 else { throw .badRequestLine }
        method = Method(UnsafeRawBufferPointer(rebasing: all[0..<at]))
        let targetStart = at + 1
        at = targetStart
        while at < lineEnd, all[at] > 32, all[at] < 127 { at += 1 }
        guard at > targetStart, at < lineEnd, all[at] == 32 else { throw .badRequestLine }
        targetRange = targetStart..<at
        let version = UnsafeRawBufferPointer(rebasing: all[(at + 1)..<lineEnd])
        if version.elementsEqual("HTTP/1.1".utf8) {
            isVersion11 = true
        } else if version.elementsEqual("HTTP/1.0".utf8) {
            isVersion11 = false
        } else if version.starts(with: "HTTP/".utf8) {
            throw .unsupportedVersion
        } else {
            throw .badRequestLine
        }
        let first = all[targetStart]
        if first != UInt8(ascii: "/"), first != UInt8(ascii: "*") || method != .options { try takeAbsoluteForm(all) }
        return lineEnd + 2
    }

    /// RFC 9112 3.2.2: `http://HOST/path`, as a client sends it that takes this for its proxy. What is behind sees the path alone; that the
    /// authority is the one of `Host` is seen to when that is known.
    private func takeAbsoluteForm(_ all: UnsafeRawBufferPointer) throws(HeadError) {
        let target = UnsafeRawBufferPointer(rebasing: all[targetRange])
        let schemes: [StaticString] = ["http://", "https://"]
        let scheme = schemes.first { equalIgnoringCase(.init(rebasing: target.prefix($0.utf8CodeUnitCount)), $0) }
        // CONNECT is among the others.
        guard let scheme, method != .other else { throw .badRequestLine }
        let start = targetRange.lowerBound + scheme.utf8CodeUnitCount
        var end = start
        while end < targetRange.upperBound, all[end] != UInt8(ascii: "/") { end += 1 }
        authorityRange = start..<end
        guard Authority(all, authorityRange) != nil else { throw .badRequestLine }
        // RFC 9110 4.2.3: an empty path is `/`, and the scheme's second slash stands for it.
        targetRange = end == targetRange.upperBound ? (start - 1)..<start : end..<targetRange.upperBound
    }

    /// Whether the target's authority is the one of the `Host` field: on the scheme's port where none is named.
    private func names(_ host: Range<Int>, _ all: UnsafeRawBufferPointer) -> Bool {
        guard let target = Authority(all, authorityRange), let host = Authority(all, host) else { return false }
        // `https://`: its s is four bytes before the authority.
        let usual: UInt16 = lower(all[authorityRange.lowerBound - 4]) == UInt8(ascii: "s") ? 443 : 80
        return (target.port ?? usual) == (host.port ?? usual) && target.name.count == host.name.count
            && zip(all[target.name], all[host.name]).allSatisfy { lower($0) == lower($1) }
    }

    /// RFC 9112 4: `HTTP/1.x SP 3DIGIT [SP reason] CRLF`.
    private func parseStatusLine(_ all: UnsafeRawBufferPointer) throws(HeadError) -> Int {
        let lineEnd = endOfLine(all, from: 0)
        let line = UnsafeRawBufferPointer(rebasing: all[0..<lineEnd])
        guard line.count >= 12, line.starts(with: "HTTP/1.".utf8), line[7] == 48 || line[7] == 49, line[8] == 32,
            line.count == 12 || line[12] == 32
        else { throw .badStatusLine }
        isVersion11 = line[7] == 49
        status = 0
        for index in 9..<12 {
            guard line[index] &- 48 < 10 else { throw .badStatusLine }
            status = status * 10 + Int(line[index] - 48)
        }
        guard (100...599).contains(status) else { throw .badStatusLine }
        return lineEnd + 2
    }

    private func parseFields(_ all: UnsafeRawBufferPointer, from start: Int, atMost: Int) throws(HeadError) {
        var start = start
        while true {
            let end = endOfLine(all, from: start)
            if end == start { return }
            guard fields.count < atMost else { throw .tooManyFields }
            guard let nameEnd = endOfName(all, start..<end) else { throw .badFieldLine }
            let value = trimmed(all, (nameEnd + 1)..<end)
            fields.append(
                Field(
                    name: FieldName(UnsafeRawBufferPointer(rebasing: all[start..<nameEnd])), start: Int32(start),
                    nameEnd: Int32(nameEnd),
                    valueStart: Int32(value.lowerBound), valueEnd: Int32(value.upperBound), end: Int32(end + 2)))
            start = end + 2
        }
    }

    /// Names that the `Connection` fields may list: each is looked for among all fields. `close`, `keep-alive`, `te` and `upgrade` are common.
    private static let maxOptions = 64

    /// What the fields mean together: framing, persistence, host, expectation.
    private func settle(_ all: UnsafeRawBufferPointer, as kind: Kind) throws(HeadError) {
        var length: Int?
        var isChunked = false, closes = false, keeps = false
        var hosts = 0, options = 0
        var isOwn = authorityRange.isEmpty
        for field in fields {
            switch field.name {
            case .contentLength:
                // Twice is refused even when equal: a list of lengths is read differently by different parsers.
                guard length == nil, let value = decimal(all, field.valueRange) else { throw .badContentLength }
                length = value
            case .transferEncoding:
                let value = UnsafeRawBufferPointer(rebasing: all[field.valueRange])
                guard !isChunked, isVersion11, equalIgnoringCase(value, "chunked") else { throw .unsupportedTransferEncoding }
                isChunked = true
            case .connection:
                _ = forEachListed(all, field.valueRange) { token in
                    if equalIgnoringCase(token, "close") {
                        closes = true
                    } else if equalIgnoringCase(token, "keep-alive") {
                        keeps = true
                    } else {
                        connectionListsNames = true
                    }
                    options += 1
                    return options > Self.maxOptions
                }
                guard options <= Self.maxOptions else { throw .tooManyOptions }
            case .host:
                hosts += 1
                guard Authority(all, field.valueRange) != nil else { throw .badHost }
                isOwn = isOwn || names(field.valueRange, all)
            case .expect:
                guard equalIgnoringCase(UnsafeRawBufferPointer(rebasing: all[field.valueRange]), "100-continue") else {
                    throw .unsupportedExpectation
                }
                expectsContinue = isVersion11
            default: break
            }
        }
        guard length == nil || !isChunked else { throw .conflictingFraming }
        keepsAlive = !closes && (isVersion11 || keeps)
        framing = isChunked ? .chunked : length.map { $0 == 0 ? .none : .length($0) } ?? .none
        switch kind {
        case .request:
            guard hosts == 1 || (hosts == 0 && !isVersion11) else { throw .badHost }
            guard isOwn else { throw .foreignTarget }
        case .response(let toHead):
            if toHead || status < 200 || status == 204 || status == 304 {
                framing = .none
            } else if length == nil && !isChunked {
                framing = .untilClose
                keepsAlive = false
            }
        }
    }

    /// The offset of the CRLF that ends the line; every head ends with one, which the reader has made sure of.
    private func endOfLine(_ all: UnsafeRawBufferPointer, from start: Int) -> Int {
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

/// The colon of a field line; nil: the line is none. A blank before the colon, a folded line and a line without a name all end here
/// (RFC 9112 5.1, 5.2).
func endOfName(_ all: UnsafeRawBufferPointer, _ line: Range<Int>) -> Int? {
    var nameEnd = line.lowerBound
    while nameEnd < line.upperBound, isTokenCharacter(all[nameEnd]) { nameEnd += 1 }
    guard !line.isEmpty, nameEnd > line.lowerBound, nameEnd < line.upperBound, all[nameEnd] == UInt8(ascii: ":") else { return nil }
    for index in (nameEnd + 1)..<line.upperBound where all[index] < 32 && all[index] != 9 || all[index] == 127 { return nil }
    return nameEnd
}

/// RFC 9110 5.6.2.
func isTokenCharacter(_ byte: UInt8) -> Bool { tokenCharacters[Int(byte)] }
private let tokenCharacters: [Bool] = (0..<256).map { value in
    let byte = UInt8(value)
    return (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || "!#$%&'*+-.^_`|~".utf8.contains(byte)
}
