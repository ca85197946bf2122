import Testing

@testable import HTTP

struct HeadParserTests {
    private static func request(_ wire: String, limits: HeadLimits = HeadLimits()) throws -> Head {
        try HeadTests.request(wire, limits: limits).head
    }

    private static func response(_ wire: String, toHead: Bool = false) throws -> Head {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(Array(wire.utf8))
        let head = Head()
        #expect(try reader.take(head, as: .response(toHead: toHead)))
        return head
    }

    // MARK: Eight bytes at a time

    @Test func `a control character is found wherever it is, whatever is before it`() {
        for before in [0x61, 0x09, 0x20, 0x7e, 0x80, 0xff] as [UInt8] {
            for byte in 0...255 as ClosedRange<UInt8> {
                for position in 0..<19 {
                    var text = [UInt8](repeating: before, count: position) + [byte] + Array("abcdefghij".utf8)
                    text.append(0)
                    let (control, invisible) = text.withUnsafeBytes { (firstControl($0, from: 0), firstInvisible($0, from: 0)) }
                    #expect(control == text.firstIndex { $0 < 32 && $0 != 9 || $0 == 127 })
                    #expect(invisible == text.firstIndex { $0 <= 32 || $0 >= 127 })
                }
            }
        }
    }

    @Test(arguments: FieldName.allCases.dropFirst())
    func `a field's name is known in any case, and no other byte passes for one of its own`(name: FieldName) {
        let lower = Array(name.lowercased.utf8Bytes)
        func found(_ bytes: [UInt8], behind rest: String) -> FieldName? {
            (bytes + Array(rest.utf8)).withUnsafeBytes { fieldName($0, from: 0)?.0 }
        }
        for rest in [":", ": a value\r\n\r\n"] {
            #expect(found(lower, behind: rest) == name)
            #expect(found(Array(String(decoding: lower, as: UTF8.self).uppercased().utf8), behind: rest) == name)
            for at in lower.indices {
                for byte in 0...255 as ClosedRange<UInt8> where byte | 0x20 != lower[at] || byte & 0x40 == 0 && byte != lower[at] {
                    var other = lower
                    other[at] = byte
                    #expect(found(other, behind: rest) != name)
                }
            }
        }
    }

    // MARK: The start line

    @Test(arguments: [
        ("GET", Method.get), ("HEAD", .head), ("PUT", .put), ("POST", .post), ("PATCH", .patch), ("DELETE", .delete),
        ("OPTIONS", .options), ("get", .other), ("MKCOL", .other), ("GE", .other), ("GETS", .other),
    ])
    func `a method is a case-sensitive token, and unknown ones are other`(token: String, method: Method) throws {
        #expect(try Self.request("\(token) / HTTP/1.1\r\nHost: x\r\n\r\n").method == method)
    }

    @Test(arguments: [
        ("GET  / HTTP/1.1", HeadError.badRequestLine), ("GET /  HTTP/1.1", .badRequestLine), (" GET / HTTP/1.1", .badRequestLine),
        ("GET\t/ HTTP/1.1", .badRequestLine), ("GET / HTTP/1.1 ", .unsupportedVersion), ("GET /", .badRequestLine),
        ("GET", .badRequestLine),
        ("G(T / HTTP/1.1", .badRequestLine), ("GET /\u{1} HTTP/1.1", .badRequestLine), ("GET /\u{E9} HTTP/1.1", .badRequestLine),
        ("GET / http/1.1", .badRequestLine), ("GET / HTTP/2.0", .unsupportedVersion), ("GET / HTTP/1.2", .unsupportedVersion),
        ("GET / HTTP/1.10", .unsupportedVersion), ("GET / HTTP/0.9", .unsupportedVersion),
    ])
    func `a malformed request line is refused`(line: String, error: HeadError) {
        #expect(throws: error) { try Self.request("\(line)\r\nHost: x\r\n\r\n") }
    }

    @Test func `OPTIONS may ask about the server as a whole`() throws {
        #expect(try Self.request("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").target.elementsEqual("*".utf8))
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK", 200, true), ("HTTP/1.0 404 Not Found", 404, false), ("HTTP/1.1 204", 204, true),
        ("HTTP/1.1 200 ", 200, true), ("HTTP/1.1 100 x y z", 100, true), ("HTTP/1.1 599 ?", 599, true),
    ])
    func `a status line has a status, and perhaps a reason`(line: String, status: Int, isVersion11: Bool) throws {
        let head = try Self.response("\(line)\r\nContent-Length: 0\r\n\r\n")
        #expect(head.status == status && head.isVersion11 == isVersion11)
    }

    @Test(arguments: [
        "HTTP/1.1  200 OK", "HTTP/1.1 2O0 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 2000", "HTTP/1.1 200\tOK",
        "HTTP/1.2 200 OK",
        "HTTP/2 200 OK", "http/1.1 200 OK", "HTTP/1.1", "200 OK",
    ])
    func `a malformed status line is refused`(line: String) {
        #expect(throws: HeadError.badStatusLine) { try Self.response("\(line)\r\nContent-Length: 0\r\n\r\n") }
    }

    // MARK: The fields

    @Test(arguments: [
        ("A:b", "a", "b"), ("A: b", "a", "b"), ("A:\t b \t", "A", "b"), ("A:", "a", ""), ("a-b_c~!: d e", "A-B_C~!", "d e"),
        ("A: b\r\na: c", "A", "b, c"), ("A: \u{E9}", "a", "\u{E9}"),
    ])
    func `a field's value is without surrounding blanks, and its name in any case`(lines: String, name: String, value: String)
        throws
    {
        #expect(try Self.request("GET / HTTP/1.1\r\nHost: x\r\n\(lines)\r\n\r\n").string(name) == value)
    }

    @Test(arguments: [
        "A", ": b", "A : b", "A\t: b", " A: b", "A: b\r\n c", "A: b\r\n\tc", "A: b\u{0}", "A: b\u{7F}", "A: b\rc", "A(: b",
        "A b: c", "A\u{E9}: b",
    ])
    func `a malformed field line is refused`(lines: String) {
        #expect(throws: HeadError.badFieldLine) { try Self.request("GET / HTTP/1.1\r\nHost: x\r\n\(lines)\r\n\r\n") }
    }

    @Test func `every known field name is recognized in any case, and no other`() {
        for name in FieldName.allCases where name != .other {
            for text in ["\(name.lowercased)", "\(name.lowercased)".uppercased()] {
                #expect(Array(text.utf8).withUnsafeBytes { FieldName($0) } == name)
            }
            #expect(Array("\(name.lowercased)x".utf8).withUnsafeBytes { FieldName($0) } == .other)
        }
        #expect([UInt8]().withUnsafeBytes { FieldName($0) } == .other)
    }

    // MARK: What the fields mean

    @Test(arguments: [
        ("HTTP/1.1", "", BodyFraming.none, true), ("HTTP/1.1", "Content-Length: 0\r\n", .none, true),
        ("HTTP/1.1", "Content-Length: 12\r\n", .length(12), true), ("HTTP/1.1", "Transfer-Encoding: CHUNKED\r\n", .chunked, true),
        ("HTTP/1.1", "Connection: close\r\n", .none, false), ("HTTP/1.1", "Connection: x, Close\r\n", .none, false),
        ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", .none, false), ("HTTP/1.0", "", .none, false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", .none, true), ("HTTP/1.0", "Connection: keep-alive, close\r\n", .none, false),
        ("HTTP/1.0", "Content-Length: 3\r\n", .length(3), false),
    ])
    func `a request's framing and persistence follow RFC 9112 6.3 and 9.3`(
        version: String, fields: String, framing: BodyFraming, keepsAlive: Bool
    ) throws {
        let head = try Self.request("PUT / \(version)\r\nHost: x\r\n\(fields)\r\n")
        #expect(head.framing == framing && head.keepsAlive == keepsAlive)
    }

    @Test(arguments: [
        ("Content-Length: \r\n", HeadError.badContentLength), ("Content-Length: -1\r\n", .badContentLength),
        ("Content-Length: +1\r\n", .badContentLength), ("Content-Length: 1,1\r\n", .badContentLength),
        ("Content-Length: 0x1\r\n", .badContentLength),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", .badContentLength),
        ("Content-Length: 1234567890123456789\r\n", .badContentLength),
        ("Transfer-Encoding: gzip\r\n", .unsupportedTransferEncoding),
        ("Transfer-Encoding: gzip, chunked\r\n", .unsupportedTransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .unsupportedTransferEncoding),
        ("Transfer-Encoding: chunked;q=1\r\n", .unsupportedTransferEncoding),
        ("Transfer-Encoding:\r\n", .unsupportedTransferEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", .conflictingFraming),
        ("Expect: 200-ok\r\n", .unsupportedExpectation),
        ("Host: y\r\n", .badHost),
    ])
    func `a request whose fields could be read in two ways is refused`(fields: String, error: HeadError) {
        #expect(throws: error) { try Self.request("PUT / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n") }
    }

    @Test func `chunked is refused from HTTP/1.0, and a missing Host is not`() throws {
        #expect(throws: HeadError.unsupportedTransferEncoding) {
            try Self.request("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
        }
        #expect(throws: HeadError.badHost) { try Self.request("GET / HTTP/1.1\r\n\r\n") }
        _ = try Self.request("GET / HTTP/1.0\r\n\r\n")
    }

    @Test func `100-continue is expected by HTTP/1.1 clients only`() throws {
        #expect(try Self.request("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n").expectsContinue)
        #expect(try !Self.request("PUT / HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\n\r\n").expectsContinue)
        #expect(try !Self.request("PUT / HTTP/1.1\r\nHost: x\r\n\r\n").expectsContinue)
    }

    @Test(arguments: [
        ("", false), ("Content-Encoding: identity\r\n", false), ("Content-Encoding:\r\n", false),
        ("Content-Encoding: gzip\r\n", true),
    ])
    func `a body is encoded by any content coding but identity`(fields: String, isEncoded: Bool) throws {
        #expect(try Self.response("HTTP/1.1 200 OK\r\n\(fields)\r\n").isEncoded == isEncoded)
    }

    // MARK: Bounds

    @Test func `a head is refused past its bounds of bytes and fields`() throws {
        let wire = "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"
        let count = wire.utf8.count
        _ = try Self.request(wire, limits: HeadLimits(bytes: count, fields: 2))
        #expect(throws: HeadError.headTooLarge) { try Self.request(wire, limits: HeadLimits(bytes: count - 1, fields: 2)) }
        #expect(throws: HeadError.tooManyFields) { try Self.request(wire, limits: HeadLimits(bytes: count, fields: 1)) }
        var reader = HeadReader(limits: HeadLimits(bytes: 8))
        reader.input.append(Array("GET /aaa".utf8))
        #expect(throws: HeadError.headTooLarge) { try reader.take(Head(), as: .request) }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "\nGET / HTTP/1.1\r\n",
    ])
    func `a bare line feed is refused`(wire: String) {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append(Array(wire.utf8))
        #expect(throws: HeadError.bareLineFeed) { try reader.take(Head(), as: .request) }
    }

    @Test func `one empty line before a request is dropped, also when it comes in pieces`() throws {
        var reader = HeadReader(limits: HeadLimits())
        reader.input.append([13])
        #expect(try !reader.take(Head(), as: .request))
        reader.input.append(Array("\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        reader.skipEmptyLine()
        let head = Head()
        #expect(try reader.take(head, as: .request))
        #expect(head.target.elementsEqual("/a".utf8))
    }
}
